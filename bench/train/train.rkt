#lang racket/base
; Work for the profile: lists, hashes, vectors, strings, closures.
(define table (make-hash))
(for ([i (in-range 60000)]) (hash-update! table (modulo i 613) (lambda (n) (+ n i)) 0))
(define (tak x y z) (if (< y x) (tak (tak (- x 1) y z) (tak (- y 1) z x) (tak (- z 1) x y)) z))
(displayln (tak 14 9 4))
(displayln (for/sum ([(k v) (in-hash table)]) (modulo v 1009)))
(displayln (length (sort (for/list ([i (in-range 20000)]) (modulo (* i 7919) 10007)) <)))
(displayln (string-length (apply string-append (map number->string (build-list 5000 values)))))
