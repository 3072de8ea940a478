// C++ to be probed: names of every shape, called as often as asked.
//
//   probed-cpp COUNT
//
// Each of these runs COUNT times, i = 0 ... COUNT-1.
#include <cstdlib>

#define PROBED __attribute__((noinline, noclone))

volatile long sink;

namespace App {

struct Point {
    int x, y;
};

struct Base {
    int id = 7;
};

class Server : public Base {
  public:
    long total = 100;

    PROBED long handle(int fd, const Point &point) {
        sink += fd;
        total += point.x;
        return total;
    }
};

PROBED int start(int count) {
    sink += count;
    return count;
}

PROBED int start(const Point &point) {
    sink += point.x;
    return point.y;
}

template <typename T> PROBED T largest(T a, T b) {
    sink += a;
    return a > b ? a : b;
}

}  // namespace App

namespace {
PROBED int hidden(int i) {
    sink += i;
    return i;
}
}  // namespace

int main(int argc, char **argv) {
    int count = argc > 1 ? std::atoi(argv[1]) : 1;
    App::Server server;
    for (int i = 0; i < count; i++) {
        App::Point point{i, -i};
        sink += server.handle(i + 10, point);
        sink += App::start(i) + App::start(point);
        sink += App::largest<int>(i, 3) + App::largest<long>(i, 4);
        sink += hidden(i);
    }
    return 0;
}
