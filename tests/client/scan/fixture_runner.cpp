// Compute what client/mobile/fixtures expects, with the C++ headers. Reads the fixtures as numbers on standard input (see
// test_fixtures.py), writes one line for each frame, choice and box.
#include <cstdio>
#include <iostream>
#include <string>

#include "frame_selector.hpp"

using namespace whatsit::scan;

constexpr int kWidth = 320, kHeight = 240, kSceneWidth = 800, kSceneHeight = 300;
constexpr int kChannels = 24, kMapWidth = 40, kMapHeight = 32;

struct Numbers {
    std::uint32_t state;
    int operator()() {
        state = state * 1664525u + 1013904223u;
        return static_cast<int>(state >> 16);
    }
};

std::vector<std::uint8_t> draw_scene(int seed) {
    Numbers draw{static_cast<std::uint32_t>(seed)};
    std::vector<std::uint8_t> scene(kSceneWidth * kSceneHeight, 150);
    for (int i = 0; i < (seed ? 260 : 0); ++i) {
        const int x = draw() % kSceneWidth, y = draw() % kSceneHeight;
        const int wide = 6 + draw() % 60, tall = 6 + draw() % 50, value = 20 + draw() % 210;
        for (int row = y; row < std::min(kSceneHeight, y + tall); ++row)
            for (int column = x; column < std::min(kSceneWidth, x + wide); ++column)
                scene[row * kSceneWidth + column] = static_cast<std::uint8_t>(value);
    }
    return scene;
}

template <typename At>
std::vector<int> box_blur(const std::vector<int>& data, int lines, int length, int radius, At at) {
    std::vector<int> blurred(data.size());
    for (int line = 0; line < lines; ++line)
        for (int i = 0; i < length; ++i) {
            int sum = 0;
            for (int k = -radius; k <= radius; ++k) sum += data[at(line, std::clamp(i + k, 0, length - 1))];
            blurred[at(line, i)] = sum / (2 * radius + 1);
        }
    return blurred;
}

std::vector<std::uint8_t> draw_frame(int seed, int x, int y, int blur, int gain, int offset) {
    static int known = -1;
    static std::vector<std::uint8_t> scene;
    if (seed != known) scene = draw_scene(known = seed);
    std::vector<int> part(kWidth * kHeight);
    for (int row = 0; row < kHeight; ++row)
        for (int column = 0; column < kWidth; ++column)
            part[row * kWidth + column] = scene[(y + row) * kSceneWidth + x + column];
    if (blur) part = box_blur(part, kHeight, kWidth, blur, [](int line, int i) { return line * kWidth + i; });
    if (blur) part = box_blur(part, kWidth, kHeight, blur, [](int line, int i) { return i * kWidth + line; });
    std::vector<std::uint8_t> frame(part.size());
    for (std::size_t i = 0; i < part.size(); ++i)
        frame[i] = static_cast<std::uint8_t>(std::clamp((part[i] * gain >> 6) + offset, 0, 255));
    return frame;
}

void run_film(int count) {
    ScanDecision decision;
    for (int index = 0; index < count; ++index) {
        int seed, x, y, blur, gain, offset, things;
        double time_ms;
        std::cin >> seed >> x >> y >> blur >> gain >> offset >> time_ms >> things;
        std::vector<Thing> found(static_cast<std::size_t>(std::max(0, things)));
        for (Thing& one : found)
            std::cin >> one.box[0] >> one.box[1] >> one.box[2] >> one.box[3] >> one.score >> one.label;
        const auto gray = draw_frame(seed, x, y, blur, gain, offset);
        const auto choice =
            decision.step(gray.data(), kWidth, kHeight, time_ms, 640, 480, things < 0 ? nullptr : &found);
        const FrameSelector& selector = decision.selector;
        std::printf("frame %c %c %d %.6f %.6f", "msS!"[static_cast<int>(selector.state)],
                    "-bdw"[static_cast<int>(selector.problem)], selector.is_best, std::min(selector.speed, 1e6),
                    selector.light.sharpness);
        for (const Track& track : decision.tracker.tracks)
            std::printf(" %d %.3f %.3f %.3f %.3f", track.id, track.box[0], track.box[1], track.box[2], track.box[3]);
        std::printf("\n");
        if (!choice) continue;
        std::printf("choice %d %.1f %d", index, choice->time_ms, choice->track);
        for (const int side : sent_crop(*choice, 640, 480)) std::printf(" %d", side);
        for (const float side : choice->box) std::printf(" %.3f", side);
        std::printf("\n");
    }
}

std::vector<float> plane(Numbers& draw, int count, double scale, double least) {
    std::vector<float> values(static_cast<std::size_t>(count) * kMapWidth * kMapHeight);
    for (float& value : values) value = static_cast<float>(draw() / 65536.0 * scale + least);
    return values;
}

void run_maps() {
    int seed, frame_width, frame_height, peaks;
    Contract contract;
    float scale;
    std::cin >> seed >> scale >> frame_width >> frame_height >> contract.min_score >> contract.iou >> contract.window >>
        contract.top >> contract.boxes >> peaks;
    Numbers draw{static_cast<std::uint32_t>(seed)};
    auto heat = plane(draw, kChannels, 0.4, 0);
    const auto size = plane(draw, 2, 120, 8), offset = plane(draw, 2, 1.5, -0.25);
    for (int i = 0, channel, y, x; i < peaks; ++i) {
        std::cin >> channel >> y >> x;
        std::cin >> heat[(channel * kMapHeight + y) * kMapWidth + x];
    }
    const Maps maps{heat.data(), size.data(), offset.data(), kChannels, kMapWidth, kMapHeight};
    for (const Thing& one : decode_centers(maps, contract, scale, frame_width, frame_height))
        std::printf("thing %.4f %.4f %.4f %.4f %.6f %d\n", one.box[0], one.box[1], one.box[2], one.box[3], one.score,
                    one.label);
}

int main() {
    std::string kind;
    for (int count; std::cin >> kind;) {
        std::cout << kind << std::endl;
        if (kind == "film") std::cin >> count, run_film(count);
        else run_maps();
        std::fflush(stdout);
    }
}
