// Input of compilers for the profile: templates, strings, exceptions, virtual calls.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
};
template <int N> struct Polygon : Shape {
    double side;
    explicit Polygon(double s) : side(s) {
        if (s < 0)
            throw std::invalid_argument("side");
    }
    double area() const override {
        return N * side * side / 4;
    }
};

std::string report(const std::vector<std::unique_ptr<Shape>> &shapes) {
    std::map<std::string, std::vector<double>> kinds;
    std::ostringstream out;
    for (const auto &shape : shapes)
        kinds[shape->area() > 10 ? "large" : "small"].push_back(shape->area());
    for (auto &[name, areas] : kinds) {
        std::sort(areas.begin(), areas.end(), std::greater<double>());
        out << name << ' ' << areas.size() << ' ' << areas.front() << '\n';
    }
    return out.str();
}

int main(int argc, char **) {
    std::vector<std::unique_ptr<Shape>> shapes;
    for (int i = 0; i < 20 * argc; i++) {
        if (i % 2)
            shapes.push_back(std::make_unique<Polygon<3>>(i));
        else
            shapes.push_back(std::make_unique<Polygon<6>>(i));
    }
    return static_cast<int>(report(shapes).size());
}
