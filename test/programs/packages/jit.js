// What V8's compilers do with hot code: numbers, closures, deoptimisation, typed arrays, regular expressions.
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
function sum(a) { let s = 0; for (let i = 0; i < a.length; i++) { s = (s + a[i] * 3) | 0; } return s; }
console.log(fib(24));
const ints = new Int32Array(10000).map((_, i) => i * 7), doubles = new Float64Array(10000).map((_, i) => i / 3);
let t = 0; for (let i = 0; i < 300; i++) { t = (t + sum(ints)) | 0; } console.log(t);
for (let i = 0; i < 20; i++) { t += sum(doubles); } console.log(t);
function add(a, b) { return a + b; }
for (let i = 0; i < 20000; i++) { add(i, 1); } console.log(add('x', 1), add(1.5, 2), add(2n ** 70n, 1n));
class A { #x = 1; get x() { return this.#x; } inc() { this.#x++; return this; } }
const o = new A(); for (let i = 0; i < 50000; i++) { o.inc(); } console.log(o.x);
console.log('the quick brown fox'.repeat(300).match(/(\w)(\w+)/g).length, 'aaa1'.replace(/(?<=a)\d/u, '<$&>'));
const m = new Map(); for (let i = 0; i < 20000; i++) { m.set('k' + i, i); } let u = 0; for (const [, v] of m) { u += v; } console.log(u);
function* g() { for (let i = 0; ; i++) { yield i * i; } } const r = []; for (const v of g()) { if (v > 100) { break; } r.push(v); } console.log(r.join());
try { null.x; } catch (e) { console.log(e.constructor.name); } try { (function f() { f(); })(); } catch (e) { console.log(e.message); }
console.log([3, 1, 2].sort(), JSON.stringify({ a: [1, { b: null }], c: 'é' }), Math.sin(1), 0.1 + 0.2, 5e-324, (123.456).toFixed(1), parseInt('zz', 36));
(async () => { const x = await Promise.all([1, 2, 3].map(async (v) => { await null; return v * 2; })); console.log(x); })();
let s = ''; for (let i = 0; i < 30000; i++) { s += String.fromCharCode(97 + i % 26); } console.log(s.length, s.split('').reverse().join('').slice(0, 8));
