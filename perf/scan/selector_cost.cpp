// Prints the milliseconds of each frame: selector_cost FRAMES WIDTH HEIGHT, with the frames' bytes one after another.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "frame_selector.hpp"

int main(int, char** argv) {
    std::ifstream file(argv[1], std::ios::binary);
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
    const int width = std::atoi(argv[2]), height = std::atoi(argv[3]);
    whatsit::scan::ScanDecision decision;
    const std::size_t size = static_cast<std::size_t>(width) * height;
    for (std::size_t at = 0, index = 0; at + size <= bytes.size(); at += size, ++index) {
        const auto begin = std::chrono::steady_clock::now();
        decision.step(reinterpret_cast<const std::uint8_t*>(bytes.data() + at), width, height, 50.0 * index, 640, 480, nullptr);
        const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - begin;
        std::printf("%f\n", spent.count());
    }
}
