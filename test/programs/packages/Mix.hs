-- GHC: laziness, threads with MVars and STM, exceptions, Integer, maps.
import Control.Concurrent
import Control.Exception
import Control.Monad
import qualified Data.Map as M
import Data.List (foldl', sort)

primes :: [Int]
primes = sieve [2 ..] where sieve (p : xs) = p : sieve [x | x <- xs, x `mod` p /= 0]

main :: IO ()
main = do
  print (2 ^ (200 :: Int) `mod` (1000007 :: Integer), product [1 .. 30 :: Integer])
  print (takeWhile (< 100) primes, primes !! 500)
  print (foldl' (+) 0 [1 .. 1000000 :: Int])
  v <- newMVar (0 :: Int)
  ends <- forM [1 .. 20] $ \i -> do
    end <- newEmptyMVar
    _ <- forkIO (replicateM_ 200 (modifyMVar_ v (return . (+ i))) >> putMVar end ())
    return end
  mapM_ takeMVar ends
  readMVar v >>= print
  r <- try (evaluate (1 `div` (0 :: Int))) :: IO (Either ArithException Int)
  print r
  s <- try (evaluate (head [])) :: IO (Either ErrorCall Int)
  putStrLn (either (const "empty") show s)
  let m = M.fromListWith (+) [(w, 1 :: Int) | w <- words "the quick the lazy the dog"]
  print (M.toList m)
  print (sum (map sqrt [1 .. 1000 :: Double]), sort [3, 1, 2 :: Int])
  t <- forkIO (forever yield)
  threadDelay 20000
  killThread t
  putStrLn "killed"
