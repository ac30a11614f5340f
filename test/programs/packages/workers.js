// Worker threads that share memory and wait on it; messages, transfer, a pool.
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
if (!isMainThread) {
  const a = new Int32Array(workerData.shared);
  for (let i = 0; i < 5000; i++) { Atomics.add(a, 0, 1); }
  Atomics.add(a, 1, 1); Atomics.notify(a, 1);
  parentPort.on('message', (m) => { if (m === 'end') { parentPort.close(); } else { parentPort.postMessage(new Uint8Array(m).reduce((x, y) => x + y, 0)); } });
} else {
  const shared = new SharedArrayBuffer(8), a = new Int32Array(shared), n = 4, answers = [];
  const all = [...Array(n).keys()].map((i) => new Promise((done) => {
    const w = new Worker(__filename, { workerData: { shared } });
    w.on('message', (m) => { answers.push(m); w.postMessage('end'); });
    w.on('exit', done);
    const b = new Uint8Array(1000).fill(i + 1).buffer; w.postMessage(b, [b]);
  }));
  Promise.all(all).then((codes) => console.log(codes, answers.sort((x, y) => x - y), a[0], a[1]));
}
