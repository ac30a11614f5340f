"""numpy: integers exactly, floating point rounded (its kernels are chosen by the processor)."""
import numpy as np

rng = np.random.default_rng(7)
a = rng.integers(0, 1000, (200, 200))
print(a.sum(), (a @ a).trace(), np.sort(a, axis=None)[::4000], np.unique(a).size)
x = rng.standard_normal((60, 60))
print(np.round(np.linalg.det(x / 8), 6))
print(np.round(np.linalg.norm(np.linalg.inv(x) @ x - np.eye(60)), 6))
u, s, v = np.linalg.svd(x)
print(np.round(s[:5], 8), np.allclose((u * s) @ v, x))
print(np.round(np.abs(np.fft.rfft(np.sin(np.arange(256) * 0.3)))[10:16], 6))
w = np.linspace(0, 10, 100001)
for f in (np.sin, np.exp, np.sqrt, np.log1p, np.tanh, np.floor):
    print(f.__name__, np.round(f(w).sum(), 5), np.round(float(f(w.astype("f4"))[777]), 4))
print(np.packbits(a[0] > 500)[:8], np.bitwise_xor.reduce(a.ravel()))
print((a.astype("u1") >> 3).sum())
print(np.einsum("ij,jk->ik", a[:5, :5], a[:5, :5]), np.argsort(-a[0])[:5])
print(a.astype("i2").cumsum()[-1])
print(np.char.upper(np.array(["a", "b"])), np.datetime64("2024-02-28") + np.arange(3))
print(w.astype("f2")[::20000], np.isnan(np.array([1, np.nan, np.inf])))
print(np.median(a), np.percentile(a, 30))
