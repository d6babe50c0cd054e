// Post-processing of Whatsit's scan network, and boxes that keep their identity. C++17, no dependency.
//
// The same as whatsit_client.scan (Python) and client/web/scan (JavaScript); the fixtures beside this file hold the three
// together. Boxes are x1, y1, x2, y2. See README.md for the tensors.
#ifndef WHATSIT_SCAN_HPP
#define WHATSIT_SCAN_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <vector>

namespace whatsit::scan {

using Box = std::array<float, 4>;

// What models/scan.json says of the network.
struct Contract {
    int side = 320;      // longer side of a frame on the canvas, pixels
    int multiple = 32;   // both sides of the canvas are multiples of it
    int stride = 8;      // pixels of the canvas per cell
    int padding = 114;   // grey value around the frame
    float min_score = 0.3f;
    int window = 3;      // only cells that are the highest of window x window cells count; 1 for every cell
    int top = 50;        // the most cells that are looked at
    float iou = 0.5f;
    int boxes = 20;      // the most boxes that are returned
    float min_product = 0.3f;
};

// Where a frame lies on the network's canvas: at the top left, the rest is padding.
struct Canvas {
    int width, height, inner_width, inner_height;
    float scale;
};

struct Thing {
    Box box;    // pixels of the frame
    float score;
    int label;  // 0: of no known class
};

// The network's outputs, planes of width x height cells, row by row. ncnn pads each plane: pass Mat::cstep as `step`.
struct Maps {
    const float* heat;    // 1 + number of classes planes, 0..1
    const float* size;    // width and height in pixels of the canvas
    const float* offset;  // from the cell's upper left corner to the centre, in cells
    int channels, width, height;
    std::size_t step = 0;  // floats from plane to plane; 0 for width * height

    std::size_t plane() const { return step ? step : static_cast<std::size_t>(width) * height; }
};

inline Canvas canvas_of(int width, int height, const Contract& contract = {}) {
    const double scale = static_cast<double>(contract.side) / std::max(width, height);
    const auto inner = [&](int side) { return std::max(1, static_cast<int>(std::lround(side * scale))); };
    const auto outer = [&](int side) { return (side + contract.multiple - 1) / contract.multiple * contract.multiple; };
    return {outer(inner(width)), outer(inner(height)), inner(width), inner(height), static_cast<float>(scale)};
}

inline float overlap(const Box& a, const Box& b) {
    const float wide = std::max(0.f, std::min(a[2], b[2]) - std::max(a[0], b[0]));
    const float tall = std::max(0.f, std::min(a[3], b[3]) - std::max(a[1], b[1]));
    const float both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * tall;
    return both > 0 ? wide * tall / both : 0.f;
}

namespace detail {

inline bool is_peak(const Maps& maps, int x, int y, int reach) {
    const float value = maps.heat[y * maps.width + x];
    for (int row = std::max(0, y - reach); row <= std::min(maps.height - 1, y + reach); ++row)
        for (int column = std::max(0, x - reach); column <= std::min(maps.width - 1, x + reach); ++column)
            if (maps.heat[row * maps.width + column] > value) return false;
    return true;
}

inline int label_at(const Maps& maps, int cell, float least) {
    int best = 0;
    for (int channel = 1; channel < maps.channels; ++channel)
        if (!best || maps.heat[channel * maps.plane() + cell] > maps.heat[best * maps.plane() + cell]) best = channel;
    return best && maps.heat[best * maps.plane() + cell] >= least ? best : 0;
}

}  // namespace detail

// Return the things in a frame of frame_width x frame_height pixels, best first.
inline std::vector<Thing> decode_centers(const Maps& maps, const Contract& contract, float scale, int frame_width,
                                         int frame_height) {
    std::vector<int> peaks;
    for (int y = 0; y < maps.height; ++y)
        for (int x = 0; x < maps.width; ++x)
            if (maps.heat[y * maps.width + x] >= contract.min_score && detail::is_peak(maps, x, y, contract.window / 2))
                peaks.push_back(y * maps.width + x);
    std::stable_sort(peaks.begin(), peaks.end(), [&](int a, int b) { return maps.heat[a] > maps.heat[b]; });
    if (static_cast<int>(peaks.size()) > contract.top) peaks.resize(contract.top);
    std::vector<Box> boxes;
    std::vector<int> cells;
    for (const int cell : peaks) {
        if (static_cast<int>(boxes.size()) == contract.boxes) break;
        const float x = (cell % maps.width + maps.offset[cell]) * contract.stride;
        const float y = (cell / maps.width + maps.offset[maps.plane() + cell]) * contract.stride;
        const float wide = maps.size[cell] / 2, tall = maps.size[maps.plane() + cell] / 2;
        const Box box{x - wide, y - tall, x + wide, y + tall};
        const auto covers = [&](const Box& other) { return overlap(box, other) > contract.iou; };
        if (std::any_of(boxes.begin(), boxes.end(), covers)) continue;
        boxes.push_back(box);
        cells.push_back(cell);
    }
    std::vector<Thing> things;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
        Box box = boxes[i];
        for (int side = 0; side < 4; ++side)
            box[side] = std::clamp(box[side] / scale, 0.f, static_cast<float>(side % 2 ? frame_height : frame_width));
        things.push_back({box, maps.heat[cells[i]], detail::label_at(maps, cells[i], contract.min_product)});
    }
    return things;
}

struct Track {
    int id;
    Box box;
    float score;
    int label;
    int hits = 1;
    int misses = 0;
    bool sent = false;
};

struct TrackerOptions {
    float match_iou = 0.3f;  // overlap that a detection must have with a track to continue it
    float new_score = 0.35f; // weaker detections begin no track
    int max_misses = 10;     // detector runs without the thing after which it is forgotten
    int min_hits = 2;        // frames in which a thing must have been found to count
    float crowd = 0.6f;      // overlap with a track above which another detection begins no track of its own
};

// Follows things by overlap, after the motion of the camera was taken off.
class Tracker {
public:
    explicit Tracker(TrackerOptions options = {}) : options_(options) {}

    std::vector<Track> tracks;

    // Forget all things, as after a cut.
    void reset() { tracks.clear(); }

    // Move all things along with the picture, by pixels of the frame.
    void shift(float dx, float dy) {
        for (Track& track : tracks)
            for (int side = 0; side < 4; ++side) track.box[side] += side % 2 ? dy : dx;
    }

    // Take the detections of a frame, best first.
    void update(const std::vector<Thing>& found, int width, int height) {
        std::vector<std::tuple<float, std::size_t, std::size_t>> pairs;
        for (std::size_t row = 0; row < tracks.size(); ++row)
            for (std::size_t i = 0; i < found.size(); ++i)
                if (const float shared = overlap(tracks[row].box, found[i].box); shared >= options_.match_iou)
                    pairs.emplace_back(-shared, row, i);
        std::sort(pairs.begin(), pairs.end());
        std::vector<bool> seen(tracks.size()), taken(found.size());
        for (const auto& [shared, row, i] : pairs) {
            if (seen[row] || taken[i]) continue;
            seen[row] = taken[i] = true;
            continue_track(tracks[row], found[i]);
        }
        for (std::size_t row = 0; row < seen.size(); ++row) tracks[row].misses += seen[row] ? 0 : 1;
        const auto gone = [&](const Track& one) {
            const float x = (one.box[0] + one.box[2]) / 2, y = (one.box[1] + one.box[3]) / 2;
            return one.misses > options_.max_misses || x < 0 || y < 0 || x > width || y > height;
        };
        tracks.erase(std::remove_if(tracks.begin(), tracks.end(), gone), tracks.end());
        for (std::size_t i = 0; i < found.size(); ++i) {
            const auto near = [&](const Track& one) {
                return !one.misses && overlap(found[i].box, one.box) > options_.crowd;
            };
            if (taken[i] || found[i].score < options_.new_score || std::any_of(tracks.begin(), tracks.end(), near)) continue;
            tracks.push_back({next_id_++, found[i].box, found[i].score, found[i].label});
        }
    }

    // Return the thing that the camera points at (large, near the middle, surely there), or nullptr.
    Track* main(int width, int height) {
        Track* best = nullptr;
        double highest = 0;
        for (Track& track : tracks) {
            const double weight = track.hits >= options_.min_hits && !track.misses ? weight_of(track, width, height) : 0;
            if (weight > highest) highest = weight, best = &track;
        }
        return best;
    }

private:
    static void continue_track(Track& track, const Thing& thing) {
        for (int side = 0; side < 4; ++side) track.box[side] += 0.6f * (thing.box[side] - track.box[side]);
        track.score += 0.3f * (thing.score - track.score);
        if (thing.label) track.label = thing.label;
        ++track.hits;
        track.misses = 0;
    }

    static double weight_of(const Track& track, double width, double height) {
        const auto& [x1, y1, x2, y2] = track.box;
        const double share = std::max(0.f, x2 - x1) * std::max(0.f, y2 - y1) / (width * height);
        const double across = (x1 + x2) / width - 1, down = (y1 + y2) / height - 1;
        return track.score * std::sqrt(std::min(1.0, share)) * (1 - 0.4 * (across * across + down * down));
    }

    TrackerOptions options_;
    int next_id_ = 1;
};

}  // namespace whatsit::scan

#endif  // WHATSIT_SCAN_HPP
