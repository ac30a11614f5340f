"""Integers, floats to the last bit, decimal, fractions, complex, struct, random, statistics."""
import cmath
import decimal
import fractions
import hashlib
import math
import random
import statistics
import struct

print(2 ** 200, -7 // 2, -7 % 3, divmod(10 ** 40, 10 ** 17 + 3), pow(3, 10 ** 20, 10 ** 9 + 7))
h = hashlib.sha256()
random.seed(12345)
functions = [math.sin, math.cos, math.tan, math.exp, math.atan, math.sinh, math.tanh, math.expm1,
             math.erf, math.gamma, math.lgamma, math.log1p, math.sqrt, math.log, math.log2,
             math.asinh, math.cbrt, math.exp2, math.log10]
for _ in range(400):
    x = random.uniform(0.01, 20) if _ % 2 else random.random() * 10.0 ** random.randint(-8, 2)
    for f in functions:
        h.update(f(x).hex().encode())
print(h.hexdigest())
print(0.1 + 0.2, 1e308 * 10, -1e308 * 10, math.nan, 5e-324 / 2, 1 / 3, 2.5e-310)
print([round(x / 2) for x in range(-5, 6)], math.fmod(-7, 3), math.remainder(7, 4), math.hypot(3, 4))
print(float("1.7976931348623157e308"), float.fromhex("0x1.8p-1074"), (0.1).as_integer_ratio())
print(math.fsum([0.1] * 10), sum([0.1] * 10), math.factorial(60), math.comb(100, 50), math.isqrt(10 ** 31))
print([int(x) for x in (1e15, -2.9, 2 ** 53 + 1.0, 1e22)], int(1e300) % 1000007)
decimal.getcontext().prec = 60
D = decimal.Decimal
print(D(2).sqrt(), D(1) / D(7), D(10).ln(), D("1.1") ** 50)
print(fractions.Fraction(355, 113) + fractions.Fraction(1, 3), fractions.Fraction(0.1))
print(cmath.sqrt(-2), cmath.exp(1j * math.pi), (1 + 2j) ** 3)
print(struct.pack("<bhiqfd", -1, -2, -3, -4, 1.5, -2.25).hex(), struct.unpack(">e", b"\x3c\x01"))
print(struct.pack("f", 0.1).hex(), struct.unpack("f", struct.pack("f", 1e-40))[0])
random.seed(1)
data = [random.gauss(0, 1) for _ in range(200)]
print(statistics.fmean(data), statistics.stdev(data), statistics.median(data))
print(random.random(), random.randint(0, 10 ** 30), random.sample(range(1000), 5))
print(f"{math.pi:.30f} {1e100:.0f} {123456.789:e} {0.00001234:g} {255:#x} {1234567:,}")
x = 0.5
for _ in range(1000):
    x = 3.99 * x * (1 - x)
print(x.hex())
