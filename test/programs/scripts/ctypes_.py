"""ctypes: calls, callbacks, structures, floating-point arguments and results (libffi closures)."""
import ctypes
import ctypes.util

libc = ctypes.CDLL("libc.so.6")
libm = ctypes.CDLL("libm.so.6")
print(libc.abs(-5), libc.strlen(b"hello"))
for name, args in (("sin", [0.5]), ("pow", [2.0, 0.5]), ("atan2", [1.0, -2.0]), ("exp", [1.0])):
    f = getattr(libm, name)
    f.restype = ctypes.c_double
    f.argtypes = [ctypes.c_double] * len(args)
    print(name, f(*args).hex())
libm.sqrtf.restype = ctypes.c_float
libm.sqrtf.argtypes = [ctypes.c_float]
print(libm.sqrtf(2.0))
libm.sinl.restype = ctypes.c_longdouble
libm.sinl.argtypes = [ctypes.c_longdouble]
print(libm.sinl(1.0))
values = (ctypes.c_int * 8)(5, 3, 9, -1, 7, 0, 2, 8)
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
calls = []


@compare
def by_value(a, b):
    calls.append(1)
    return a[0] - b[0]


libc.qsort(values, len(values), ctypes.sizeof(ctypes.c_int), by_value)
print(list(values), len(calls) > 8)


class Div(ctypes.Structure):
    _fields_ = [("quot", ctypes.c_int), ("rem", ctypes.c_int)]


libc.div.restype = Div
d = libc.div(-17, 5)
print(d.quot, d.rem, ctypes.sizeof(ctypes.c_void_p))
libc.llabs.restype = ctypes.c_longlong
libc.llabs.argtypes = [ctypes.c_longlong]
print(libc.llabs(-(1 << 60)))
buf = ctypes.create_string_buffer(100)
print(libc.snprintf(buf, 100, b"%d %s %lld", 42, b"str", ctypes.c_longlong(1 << 40)), buf.value)
errno_libc = ctypes.CDLL(None, use_errno=True)
print(errno_libc.close(-1), ctypes.get_errno())
