(* OCaml: exceptions, closures, GC, floats, threads of the system's library, big tables. *)
exception Found of int
module M = Map.Make (String)
type tree = Leaf | Node of tree * int * tree
let rec insert v = function Leaf -> Node (Leaf, v, Leaf) | Node (l, x, r) as t -> if v < x then Node (insert v l, x, r) else if v > x then Node (l, x, insert v r) else t
let rec depth = function Leaf -> 0 | Node (l, _, r) -> 1 + max (depth l) (depth r)
let rec fib n = if n < 2 then n else fib (n - 1) + fib (n - 2)
let () =
  Printf.printf "%d %d\n" (fib 25) max_int;
  (try List.iter (fun x -> if x * x > 50 then raise (Found x)) [ 1; 5; 9; 12 ] with Found x -> Printf.printf "found %d\n" x);
  let t = ref Leaf in for i = 1 to 20000 do t := insert (i * 7919 mod 20011) !t done; Printf.printf "%d\n" (depth !t);
  let m = List.fold_left (fun m w -> M.update w (function None -> Some 1 | Some n -> Some (n + 1)) m) M.empty (String.split_on_char ' ' "the quick the lazy the dog") in
  M.iter (Printf.printf "%s=%d ") m; print_newline ();
  let h = Hashtbl.create 10 in for i = 0 to 50000 do Hashtbl.replace h (string_of_int i) (float i /. 3.) done;
  Printf.printf "%d %.6f %h\n" (Hashtbl.length h) (Hashtbl.fold (fun _ v a -> a +. v) h 0.) (sqrt 2.);
  (try ignore (Array.make 3 0).(Sys.opaque_identity 5) with Invalid_argument s -> print_endline s);
  (try ignore (1 / Sys.opaque_identity 0) with Division_by_zero -> print_endline "division");
  let rec deep n = 1 + deep (n + 1) in (try ignore (deep 0) with Stack_overflow -> print_endline "overflow");
  Gc.full_major (); let b = Buffer.create 16 in for i = 1 to 1000 do Buffer.add_string b (Int64.to_string (Int64.mul (Int64.of_int i) 0x123456789abcL)) done;
  print_endline (Digest.to_hex (Digest.string (Buffer.contents b)))
