// WebAssembly: a module put together here; calls, memory, traps, growth.
const str = (s) => [s.length, ...Buffer.from(s)], vec = (a) => [a.length, ...a.flat()];
const section = (id, a) => { const b = vec(a); return [id, b.length, ...b]; };
const body = (code) => [code.length + 2, 0, ...code, 0x0b];
const module_ = new WebAssembly.Module(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  ...section(1, [[0x60, 2, 0x7f, 0x7f, 1, 0x7f], [0x60, 1, 0x7f, 1, 0x7f], [0x60, 2, 0x7c, 0x7c, 1, 0x7c]]),
  ...section(3, [[0], [1], [1], [0], [2]]),
  ...section(5, [[0, 1]]),
  ...section(7, [[...str('add'), 0, 0], [...str('fib'), 0, 1], [...str('load'), 0, 2], [...str('div'), 0, 3], [...str('hyp'), 0, 4], [...str('mem'), 2, 0]]),
  ...section(10, [body([0x20, 0, 0x20, 1, 0x6a]),
    body([0x20, 0, 0x41, 2, 0x48, 0x04, 0x7f, 0x20, 0, 0x05, 0x20, 0, 0x41, 1, 0x6b, 0x10, 1, 0x20, 0, 0x41, 2, 0x6b, 0x10, 1, 0x6a, 0x0b]),
    body([0x20, 0, 0x28, 2, 0]), body([0x20, 0, 0x20, 1, 0x6d]),
    body([0x20, 0, 0x20, 0, 0xa2, 0x20, 1, 0x20, 1, 0xa2, 0xa0, 0x9f])])]));
const { add, fib, load, div, hyp, mem } = new WebAssembly.Instance(module_).exports;
console.log(add(2000000000, 2000000000), fib(22), hyp(3, 4), div(-7, 2));
new Uint32Array(mem.buffer)[5] = 0xdeadbeef; console.log((load(20) >>> 0).toString(16), load(65532));
for (const f of [() => div(1, 0), () => div(-2147483648, -1), () => load(65533), () => load(-1)]) {
  try { console.log(f()); } catch (e) { console.log(e.constructor.name, e.message); }
}
console.log(mem.grow(3), mem.buffer.byteLength, load(65533)); let t = 0; for (let i = 0; i < 200000; i++) { t = add(t, i); } console.log(t);
