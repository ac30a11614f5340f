// Exceptions through frames with destructors, across threads, rethrown and nested; RTTI; streams.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

struct guard {
    std::string name;
    ~guard() { std::cout << "gone " << name << "\n"; }
};
struct base { virtual ~base() = default; virtual int id() const { return 1; } };
struct derived : base { int id() const override { return 2; } };

static int deep(int n) {
    guard g{std::to_string(n)};
    if (n == 0) { throw std::runtime_error("bottom"); }
    return deep(n - 1) + 1;
}

int main() {
    try { deep(3); } catch (const std::exception &e) { std::cout << e.what() << "\n"; }
    try {
        try { throw 5; } catch (int) { std::throw_with_nested(std::logic_error("outer")); }
    } catch (const std::exception &e) {
        try { std::rethrow_if_nested(e); } catch (int n) { std::cout << e.what() << " " << n << "\n"; }
    }
    std::unique_ptr<base> p = std::make_unique<derived>();
    std::cout << (dynamic_cast<derived *>(p.get()) != nullptr) << typeid(*p).name() << p->id() << "\n";
    auto f = std::async(std::launch::async, []() -> int { throw std::out_of_range("far"); });
    try { f.get(); } catch (const std::out_of_range &e) { std::cout << e.what() << "\n"; }
    try { (void)std::vector<int>(3).at(9); } catch (const std::exception &e) { std::cout << e.what() << "\n"; }
    int caught = 0;
    for (int i = 0; i < 20000; i++) { try { if (i & 1) { throw i; } } catch (int n) { caught += n & 3; } }
    std::cout << caught << "\n";

    std::mutex m; std::condition_variable c; std::vector<int> queue; std::atomic<long> sum{0}; bool end = false;
    std::vector<std::thread> workers;
    for (int t = 0; t < 4; t++) {
        workers.emplace_back([&] {
            for (;;) {
                std::unique_lock<std::mutex> l(m);
                c.wait(l, [&] { return end || !queue.empty(); });
                if (queue.empty()) { return; }
                int v = queue.back(); queue.pop_back(); l.unlock();
                sum += v;
            }
        });
    }
    for (int i = 1; i <= 20000; i++) { std::lock_guard<std::mutex> l(m); queue.push_back(i); c.notify_one(); }
    { std::lock_guard<std::mutex> l(m); end = true; } c.notify_all();
    for (auto &t : workers) { t.join(); }
    std::cout << sum << "\n";

    std::map<std::string, int> words; std::istringstream in("the quick the lazy the dog");
    for (std::string w; in >> w;) { words[w]++; }
    for (auto &[w, n] : words) { std::cout << w << n << " "; }
    std::cout << "\n";
    std::vector<double> v(1000); std::iota(v.begin(), v.end(), 0.5);
    std::sort(v.begin(), v.end(), std::greater<>());
    std::cout.precision(17); std::cout << std::accumulate(v.begin(), v.end(), 0.0) / 3 << " " << v[10] << "\n";
}
