// HTTP, crypto, zlib, child processes, files, timers.
const http = require('http'), crypto = require('crypto'), zlib = require('zlib'), cp = require('child_process'), fs = require('fs'), assert = require('assert');
console.log(crypto.createHash('sha256').update('x'.repeat(100000)).digest('hex'), crypto.pbkdf2Sync('p', 's', 2000, 16, 'sha512').toString('hex'));
const key = Buffer.alloc(32, 1), iv = Buffer.alloc(12, 2), c = crypto.createCipheriv('aes-256-gcm', key, iv); console.log(c.update('secret', 'utf8', 'hex') + c.final('hex'), c.getAuthTag().toString('hex'));
const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }), sig = crypto.sign('sha256', Buffer.from('m'), privateKey); console.log(crypto.verify('sha256', Buffer.from('m'), publicKey, sig));
const z = zlib.gzipSync('abc'.repeat(10000)); console.log(zlib.gunzipSync(z).length, zlib.brotliDecompressSync(zlib.brotliCompressSync('hello'.repeat(100))).length);
console.log(cp.execSync('echo child; exit 0').toString().trim(), cp.spawnSync('sh', ['-c', 'exit 5']).status);
fs.writeFileSync('f', 'text'); fs.promises.readFile('f').then((b) => { console.log(b.toString()); fs.unlinkSync('f'); });
const server = http.createServer((q, r) => { let b = ''; q.on('data', (d) => { b += d; }); q.on('end', () => r.end(q.method + ' ' + q.url + ' ' + b.length)); });
server.listen(0, '127.0.0.1', async () => {
  const ask = (path, data) => new Promise((done) => { const q = http.request({ port: server.address().port, host: '127.0.0.1', path, method: data ? 'POST' : 'GET' }, (r) => { let b = ''; r.on('data', (d) => { b += d; }); r.on('end', () => done(b)); }); q.end(data); });
  console.log(await ask('/a'), await ask('/b', 'y'.repeat(200000)), (await Promise.all([...Array(20).keys()].map((i) => ask('/' + i)))).join());
  server.close(); setTimeout(() => console.log('timer'), 20); setImmediate(() => console.log('immediate')); process.nextTick(() => console.log('tick'));
});
