// Mono: threads, generics, exceptions, LINQ, sockets, a null reference by SIGSEGV.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

class Mix {
    int value;
    static int Null(Mix m) { return m.value; }
    static long Hot(int n) { long s = 0; for (int i = 0; i < n; i++) { s = s * 31 + (i ^ (s >> 7)); } return s; }
    static void Main() {
        Console.WriteLine(Hot(1000000) + " " + Math.Sqrt(2).ToString("R") + " " + decimal.Parse("1.10") * 3);
        int sum = 0; var threads = Enumerable.Range(0, 8).Select(i => new Thread(() => { for (int j = 0; j < 1000; j++) { Interlocked.Add(ref sum, i); } })).ToList();
        threads.ForEach(t => t.Start()); threads.ForEach(t => t.Join()); Console.WriteLine(sum);
        Console.WriteLine(Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => i * i))).Result.Sum());
        int caught = 0; for (int i = 0; i < 300; i++) { try { Null(i % 3 == 0 ? null : new Mix()); } catch (NullReferenceException) { caught++; } } Console.WriteLine(caught);
        try { int z = caught - 100; Console.WriteLine(1 / z); } catch (DivideByZeroException e) { Console.WriteLine(e.GetType().Name); }
        var l = new TcpListener(IPAddress.Loopback, 0); l.Start();
        var server = Task.Run(() => { using (var c = l.AcceptTcpClient()) { var b = new byte[5]; c.GetStream().Read(b, 0, 5); Array.Reverse(b); c.GetStream().Write(b, 0, 5); } });
        using (var c = new TcpClient("127.0.0.1", ((IPEndPoint)l.LocalEndpoint).Port)) { c.GetStream().Write(Encoding.ASCII.GetBytes("hello"), 0, 5); var b = new byte[5]; int n = 0; while (n < 5) { n += c.GetStream().Read(b, n, 5 - n); } Console.WriteLine(Encoding.ASCII.GetString(b)); } server.Wait();
        foreach (var g in "the quick the lazy the dog".Split(' ').GroupBy(w => w).OrderBy(g => g.Key)) { Console.Write(g.Key + g.Count() + " "); } Console.WriteLine();
        var d = new Dictionary<string, double>(); for (int i = 0; i < 20000; i++) { d["k" + i] = i / 3.0; } GC.Collect(); Console.WriteLine(d.Values.Sum().ToString("F4"));
        Console.WriteLine(BitConverter.ToString(System.Security.Cryptography.SHA256.Create().ComputeHash(new byte[100000])));
    }
}
