// Rust: threads, channels, unwinding, iterators, hash maps, loopback.
use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Condvar, Mutex, RwLock};
use std::thread;

struct Loud(&'static str);
impl Drop for Loud {
    fn drop(&mut self) {
        println!("drop {}", self.0);
    }
}

fn main() {
    let (tx, rx) = mpsc::channel();
    let count = Arc::new(AtomicU64::new(0));
    let shared = Arc::new((Mutex::new(0u32), Condvar::new(), RwLock::new(HashMap::new())));
    let workers: Vec<_> = (0..8u64)
        .map(|i| {
            let (tx, count, shared) = (tx.clone(), count.clone(), shared.clone());
            thread::spawn(move || {
                for j in 0..500 {
                    count.fetch_add(j, Ordering::SeqCst);
                    tx.send(i * j).unwrap();
                }
                shared.2.write().unwrap().insert(i, i * i);
                *shared.0.lock().unwrap() += 1;
                shared.1.notify_all();
            })
        })
        .collect();
    drop(tx);
    println!("{}", rx.iter().sum::<u64>());
    let mut done = shared.0.lock().unwrap();
    while *done < 8 {
        done = shared.1.wait(done).unwrap();
    }
    drop(done);
    for w in workers {
        w.join().unwrap();
    }
    println!("{} {:?}", count.load(Ordering::SeqCst), shared.2.read().unwrap().iter().collect::<BTreeMap<_, _>>());
    std::panic::set_hook(Box::new(|i| println!("panic: {}", i.payload().downcast_ref::<&str>().unwrap_or(&"?"))));
    let r = std::panic::catch_unwind(|| {
        let _a = Loud("a");
        let _b = Loud("b");
        panic!("oops");
    });
    println!("{}", r.is_err());
    let t = thread::spawn(|| { let v: Vec<i32> = Vec::new(); v[v.len()] });
    println!("{}", t.join().is_err());
    let l = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = l.local_addr().unwrap();
    let t = thread::spawn(move || { let (mut s, _) = l.accept().unwrap(); let mut b = [0; 5]; s.read_exact(&mut b).unwrap(); b.reverse(); s.write_all(&b).unwrap(); });
    let mut s = TcpStream::connect(a).unwrap();
    s.write_all(b"hello").unwrap();
    let mut o = String::new();
    s.read_to_string(&mut o).unwrap();
    t.join().unwrap();
    let primes = (2..20000u32).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count();
    let f: f64 = (1..1000).map(|i| 1.0 / (i as f64).sqrt()).sum();
    println!("{o} {primes} {f} {}", u128::MAX / 3);
    let mut v: Vec<u64> = (0..50000u64).map(|i| i.wrapping_mul(6364136223846793005) >> 33).collect();
    v.sort_unstable();
    println!("{} {} {:?}", v[0], v[25000], "a b c".split(' ').rev().collect::<Vec<_>>());
}
