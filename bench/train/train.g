# Work for the profile: lists, records, permutations, polynomials, strings.
r := rec();;
for i in [1..6000] do r.(Concatenation("k", String(i mod 97))) := i * i; od;
Print(Sum(RecNames(r), name -> r.(name)), "\n");
l := Filtered([1..8000], IsPrimeInt);;
Print(Length(l), " ", Length(SSortedList(List(l, x -> x^2 mod 1009))), "\n");
p := Product(List([1..12], i -> (i, i + 1)));;
Print(Order(p), " ", Size(Group(p, (1, 2))), "\n");
x := Indeterminate(Rationals, "x");;
Print(Value((x + 1)^20, 3), "\n");
s := "";; for i in [1..3000] do Append(s, String(i)); od; Print(Length(s), "\n");
QUIT;
