// Choose the sharpest frame of each period in which a camera stands still, and decide what is sent. C++17, no dependency.
//
// The same as whatsit_client.scan (Python) and client/web/scan (JavaScript); the fixtures beside this file hold the three
// together.
#ifndef WHATSIT_FRAME_SELECTOR_HPP
#define WHATSIT_FRAME_SELECTOR_HPP

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "optical_flow.hpp"
#include "scan.hpp"

namespace whatsit::scan {

enum class State { moving, settling, stable, sent };
enum class Problem { none, blurred, dark, bright };

// Lengths are parts of the longer side of the frame.
struct Thresholds {
    double still_below = 0.08;   // motion a second below which the scene begins to settle
    double moving_above = 0.2;   // motion a second above which it moves again
    int moving_frames = 2;       // frames in a row that must move: one alone may be noise
    double scene_change = 0.4;   // mean difference of two coarse frames of deviation 1, of two scenes
    double settle_ms = 350;      // how long the scene must be still
    double focus_ms = 200;       // how long no sharper frame may have come
    double min_sharpness = 0.3;
    double sharper = 1.03;       // a frame must be sharper by this factor to replace the best one
    double min_brightness = 24;  // mean grey value below which a frame is dark
    double max_clipped = 0.6;    // part of white pixels above which it is too bright
    double gap_ms = 1000;        // after a longer gap only coarse frames are compared
};

struct Light {
    double sharpness = 0, brightness = 0, clipped = 0;
};

namespace detail {

struct Edges {
    double steepness = 0;
    long count = 0;
};

inline void weigh_edge(const std::uint8_t* gray, std::ptrdiff_t at, std::ptrdiff_t stride, Edges& edges) {
    const int rise = std::abs(gray[at + 3 * stride] - gray[at - 3 * stride]);
    if (rise < 24) return;
    int largest = 0;
    for (std::ptrdiff_t i = at - 3 * stride; i < at + 3 * stride; i += stride)
        largest = std::max(largest, std::abs(gray[i + stride] - gray[i]));
    edges.steepness += static_cast<double>(std::min(largest, rise)) / rise;
    ++edges.count;
}

}  // namespace detail

// Return how steep the edges of a frame are (the reciprocal of their width in pixels), and how bright it is.
inline Light measure_sharpness(const std::uint8_t* gray, int width, int height, double margin = 0.1) {
    const int left = std::max(3, static_cast<int>(width * margin + 0.5));
    const int top = std::max(3, static_cast<int>(height * margin + 0.5));
    detail::Edges edges;
    double sum = 0;
    long white = 0;
    for (int y = top; y < height - top; ++y)
        for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(y) * width + left; at < (y + 1) * width - left; ++at) {
            sum += gray[at];
            white += gray[at] >= 250;
            detail::weigh_edge(gray, at, 1, edges);
            detail::weigh_edge(gray, at, width, edges);
        }
    const double pixels = std::max(1, (width - 2 * left) * (height - 2 * top));
    const bool enough = edges.count > 0 && edges.count >= 0.002 * pixels;
    return {enough ? std::min(1.0, edges.steepness / edges.count) : 0.0, sum / pixels, white / pixels};
}

// Follows a camera's frames; times are passed in. Keep the picture of a frame where `is_best` is true after its push.
class FrameSelector {
public:
    struct Best {
        double time_ms, sharpness;
    };

    explicit FrameSelector(Thresholds thresholds = {}) : limits_(thresholds) {}

    State state = State::moving;
    Problem problem = Problem::none;
    bool is_best = false;
    std::optional<Best> best;
    Light light;
    double speed = std::numeric_limits<double>::infinity();   // parts of the longer side a second
    std::optional<std::pair<double, double>> shift;           // since the frame before; none after a cut or a gap

    State push(const std::uint8_t* gray, int width, int height, double time_ms) {
        Frame frame = describe(gray, width, height, time_ms);
        light = measure_sharpness(gray, width, height);
        const bool moved = has_moved(frame);
        previous_ = std::move(frame);
        is_best = false;
        problem = Problem::none;
        if (moved) {
            state = State::moving;
            best.reset();
            sent_scene_.clear();
            moved_frames_ = 0;
        } else if (state == State::moving && speed < limits_.still_below) {
            state = State::settling;
            best.reset();
            still_since_ = time_ms;
            moved_frames_ = 0;
        }
        if (state == State::settling || state == State::stable) weigh(time_ms);
        return state;
    }

    // Count the scene as sent, as after a shutter: nothing is sent by itself until it moved.
    void mark_sent() {
        state = State::sent;
        sent_scene_ = previous_ ? previous_->coarse.data : std::vector<float>{};
        moved_frames_ = 0;
    }

private:
    struct Frame {
        std::vector<Level> pyramid;
        Level coarse;
        double time_ms;
    };

    static Frame describe(const std::uint8_t* gray, int width, int height, double time_ms) {
        Level level{std::vector<float>(gray, gray + static_cast<std::size_t>(width) * height), width, height};
        while (std::max(level.width, level.height) > 200) level = halve(level);
        std::vector<Level> pyramid = build_pyramid(std::move(level));
        Level coarse = pyramid.back();
        while (std::max(coarse.width, coarse.height) > 24) coarse = halve(coarse);
        return {std::move(pyramid), std::move(coarse), time_ms};
    }

    static double coarse_change(const std::vector<float>& before, const std::vector<float>& after) {
        if (before.size() != after.size()) return std::numeric_limits<double>::infinity();
        const std::vector<double> first = normalised(before), second = normalised(after);
        double sum = 0;
        for (std::size_t i = 0; i < first.size(); ++i) sum += std::abs(first[i] - second[i]);
        return sum / static_cast<double>(first.size());
    }

    static std::vector<double> normalised(const std::vector<float>& data) {
        const double count = static_cast<double>(data.size());
        const double mean = std::accumulate(data.begin(), data.end(), 0.0) / count;
        double variance = 0;
        for (const float value : data) variance += (value - mean) * (value - mean) / count;
        std::vector<double> values;
        for (const float value : data) values.push_back((value - mean) / std::max(4.0, std::sqrt(variance)));
        return values;
    }

    bool has_moved(const Frame& frame) {
        const bool drifted =
            !sent_scene_.empty() && coarse_change(sent_scene_, frame.coarse.data) > limits_.scene_change;
        shift.reset();
        const bool same_size = previous_ && previous_->pyramid[0].data.size() == frame.pyramid[0].data.size();
        if (!same_size || frame.time_ms - previous_->time_ms > limits_.gap_ms) {
            speed = std::numeric_limits<double>::infinity();
            return sent_scene_.empty() || drifted;  // after a pause only another scene is new
        }
        const double elapsed = frame.time_ms - previous_->time_ms;
        if (elapsed <= 0) return false;
        const std::vector<Point> points = find_corners(previous_->pyramid[0]);
        const Motion motion = median_motion(track_points(previous_->pyramid, frame.pyramid, points));
        const double change = coarse_change(previous_->coarse.data, frame.coarse.data);
        // Few tracked points: a cut, a fast pan, or the same scene out of focus. Only coarse frames tell them apart.
        const bool known = motion.tracked >= std::max(8.0, static_cast<double>(points.size()) / 8);
        const double longer = std::max(frame.pyramid[0].width, frame.pyramid[0].height);
        if (change <= limits_.scene_change)
            shift = known ? std::make_pair(motion.dx / longer, motion.dy / longer) : std::make_pair(0.0, 0.0);
        speed = (known ? motion.length / longer : change / 6) / elapsed * 1000;
        if (change > limits_.scene_change || drifted) return true;
        moved_frames_ = speed > limits_.moving_above ? moved_frames_ + 1 : 0;
        return moved_frames_ >= limits_.moving_frames;
    }

    void weigh(double time_ms) {
        if (light.brightness < limits_.min_brightness) problem = Problem::dark;
        else if (light.clipped > limits_.max_clipped) problem = Problem::bright;
        else if (light.sharpness < limits_.min_sharpness) problem = Problem::blurred;
        const bool usable = problem == Problem::none || problem == Problem::blurred;
        if (usable && light.sharpness > (best ? best->sharpness : 0) * limits_.sharper) {
            best = Best{time_ms, light.sharpness};
            is_best = true;
        }
        if (time_ms - still_since_ >= limits_.settle_ms) state = State::stable;
        const bool focused = best && best->sharpness >= limits_.min_sharpness;
        if (state == State::stable && focused && time_ms - best->time_ms >= limits_.focus_ms) mark_sent();
    }

    Thresholds limits_;
    std::optional<Frame> previous_;
    std::vector<float> sent_scene_;
    int moved_frames_ = 0;
    double still_since_ = 0;
};

// What should be sent: a thing in the frame that was kept when `is_best` was true; track 0 for the whole frame.
struct Choice {
    double time_ms;
    int track;
    Box box;
    float score;
    int label;
};

// Return the part of a frame that is sent for a choice, x1, y1, x2, y2 in whole pixels. A thing that covers less of the
// frame than `context` is sent with all of it: it may be one fruit of a heap, and the server looks up both.
inline std::array<int, 4> sent_crop(const Choice& choice, int width, int height, double margin = 0.15,
                                    double context = 0.25) {
    const double x1 = choice.box[0], y1 = choice.box[1], x2 = choice.box[2], y2 = choice.box[3];
    if (!choice.track || (x2 - x1) * (y2 - y1) < context * width * height) return {0, 0, width, height};
    const double across = margin * (x2 - x1), down = margin * (y2 - y1);
    const int left = std::max(0, static_cast<int>(std::floor(x1 - across)));
    const int top = std::max(0, static_cast<int>(std::floor(y1 - down)));
    const int right = std::min(width, static_cast<int>(std::ceil(x2 + across)));
    const int bottom = std::min(height, static_cast<int>(std::ceil(y2 + down)));
    return {left, top, std::max(left + 1, right), std::max(top + 1, bottom)};
}

// Grey frames and boxes in, at most one choice for each thing that is held still out.
class ScanDecision {
public:
    explicit ScanDecision(Thresholds thresholds = {}, TrackerOptions options = {})
        : selector(thresholds), tracker(options) {}

    FrameSelector selector;
    Tracker tracker;
    double detect_every_ms = 0, idle_every_ms = 250;
    bool without_box = true;  // send the whole frame where the detector finds nothing in a still, sharp one

    bool wants_detection(double time_ms) const {
        return time_ms - detected_ms_ >= (selector.state == State::sent ? idle_every_ms : detect_every_ms);
    }

    // `found`: things in this frame, nullptr where the detector did not run; boxes in pixels of the whole frame.
    std::optional<Choice> step(const std::uint8_t* gray, int gray_width, int gray_height, double time_ms, int width,
                               int height, const std::vector<Thing>* found) {
        const State before = selector.state;
        const State state = selector.push(gray, gray_width, gray_height, time_ms);
        move(width, height);
        if (found) {
            detected_ms_ = time_ms;
            tracker.update(*found, width, height);
        }
        if (selector.is_best) {
            since_best_ = {0, 0};
            best_ = choose(time_ms, width, height);
        }
        if (state != State::sent || before == State::sent || !best_) return std::nullopt;
        if (!best_->track) best_ = choose(best_->time_ms, width, height);  // the thing was found after that frame
        if (!best_->track) return without_box ? best_ : std::nullopt;
        for (Track& track : tracker.tracks)
            if (track.id == best_->track) {
                if (track.sent) return std::nullopt;
                track.sent = true;
            }
        return best_;
    }

private:
    // Move all things along with the picture.
    void move(int width, int height) {
        if (!selector.shift) return tracker.reset();
        const double longer = std::max(width, height);
        const float dx = static_cast<float>(selector.shift->first * longer);
        const float dy = static_cast<float>(selector.shift->second * longer);
        tracker.shift(dx, dy);
        since_best_ = {since_best_[0] + dx, since_best_[1] + dy};
    }

    // Return the main thing, where it was in the best frame.
    Choice choose(double time_ms, int width, int height) {
        const Track* main = tracker.main(width, height);
        const float right = static_cast<float>(width), bottom = static_cast<float>(height);
        if (!main) return {time_ms, 0, {0, 0, right, bottom}, 1, 0};
        Box box = main->box;
        for (int side = 0; side < 4; ++side)
            box[side] = std::clamp(box[side] - since_best_[side % 2], 0.f, side % 2 ? bottom : right);
        return {time_ms, main->id, box, main->score, main->label};
    }

    std::optional<Choice> best_;
    std::array<float, 2> since_best_{0, 0};  // motion of the picture in pixels of the frame
    double detected_ms_ = -std::numeric_limits<double>::infinity();
};

}  // namespace whatsit::scan

#endif  // WHATSIT_FRAME_SELECTOR_HPP
