// Track corners from one grey frame to the next: pyramidal Lucas-Kanade (Bouguet 2001) on Shi-Tomasi corners (1994).
#ifndef WHATSIT_OPTICAL_FLOW_HPP
#define WHATSIT_OPTICAL_FLOW_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace whatsit::scan {

struct Level {
    std::vector<float> data;  // grey values, 0..255, row by row
    int width, height;
};

struct Point {
    double x, y;
};

struct Motion {
    double length = 0, dx = 0, dy = 0;  // medians, in pixels
    int tracked = 0;
};

inline Level halve(const Level& level) {
    Level half{std::vector<float>(static_cast<std::size_t>(level.width / 2) * (level.height / 2)), level.width / 2,
               level.height / 2};
    for (int y = 0; y < half.height; ++y)
        for (int x = 0; x < half.width; ++x) {
            const float* at = &level.data[static_cast<std::size_t>(2 * y) * level.width + 2 * x];
            half.data[static_cast<std::size_t>(y) * half.width + x] =
                (at[0] + at[1] + at[level.width] + at[level.width + 1]) / 4;
        }
    return half;
}

inline std::vector<Level> build_pyramid(Level level, int levels = 3) {
    std::vector<Level> pyramid{std::move(level)};
    while (static_cast<int>(pyramid.size()) < levels) pyramid.push_back(halve(pyramid.back()));
    return pyramid;
}

namespace detail {

constexpr int kWindow = 3;  // radius: 7 x 7 pixels
constexpr int kSide = 2 * kWindow + 1;
using Patch = std::array<double, kSide * kSide>;

inline double corner_strength(const float* at, int width) {
    double xx = 0, xy = 0, yy = 0;
    for (int row = -1; row <= 1; ++row)
        for (int column = -1; column <= 1; ++column) {
            const float* here = at + row * width + column;
            const double gx = (here[1] - here[-1]) / 2.0, gy = (here[width] - here[-width]) / 2.0;
            xx += gx * gx;
            xy += gx * gy;
            yy += gy * gy;
        }
    return (xx + yy - std::sqrt((xx - yy) * (xx - yy) + 4 * xy * xy)) / 18;
}

// A window around a point by bilinear interpolation.
class Window {
public:
    static std::optional<Window> at(const Level& level, double x, double y, int reach) {
        const double left = std::floor(x), top = std::floor(y);
        if (!(left >= reach && top >= reach && left + reach + 1 < level.width && top + reach + 1 < level.height))
            return std::nullopt;
        return Window(&level.data[static_cast<std::size_t>(top) * level.width + static_cast<std::size_t>(left)],
                      level.width, x - left, y - top);
    }
    double operator()(int row, int column) const {
        const float* at = centre_ + row * width_ + column;
        const double upper = at[0] + fx_ * (at[1] - at[0]);
        const double lower = at[width_] + fx_ * (at[width_ + 1] - at[width_]);
        return upper + fy_ * (lower - upper);
    }

private:
    Window(const float* centre, int width, double fx, double fy) : centre_(centre), width_(width), fx_(fx), fy_(fy) {}
    const float* centre_;
    int width_;
    double fx_, fy_;
};

inline double fill(const Window& window, Patch& patch) {
    double sum = 0;
    for (int row = -kWindow, k = 0; row <= kWindow; ++row)
        for (int column = -kWindow; column <= kWindow; ++column, ++k) sum += patch[k] = window(row, column);
    return sum / (kSide * kSide);
}

// Refine the shift of one point on one level; return the mean grey difference that is left, nothing where it is lost.
inline std::optional<double> refine(const Level& before, const Level& after, double x, double y, Point& shift) {
    const auto window = Window::at(before, x, y, kWindow + 1);
    if (!window) return std::nullopt;
    Patch patch, gx, gy, other;
    const double mean = fill(*window, patch);
    double xx = 0, xy = 0, yy = 0;
    for (int row = -kWindow, k = 0; row <= kWindow; ++row)
        for (int column = -kWindow; column <= kWindow; ++column, ++k) {
            gx[k] = ((*window)(row, column + 1) - (*window)(row, column - 1)) / 2;
            gy[k] = ((*window)(row + 1, column) - (*window)(row - 1, column)) / 2;
            xx += gx[k] * gx[k];
            xy += gx[k] * gy[k];
            yy += gy[k] * gy[k];
        }
    const double determinant = xx * yy - xy * xy;
    if (determinant < 1) return std::nullopt;
    double residual = 0;
    for (int step = 0; step <= 4; ++step) {
        const auto moved = Window::at(after, x + shift.x, y + shift.y, kWindow);
        if (!moved) return std::nullopt;
        const double other_mean = fill(*moved, other);
        double bx = 0, by = 0;
        residual = 0;
        // Means are taken off: a camera that changes its exposure does not move.
        for (std::size_t k = 0; k < patch.size(); ++k) {
            const double difference = patch[k] - mean - (other[k] - other_mean);
            bx += difference * gx[k];
            by += difference * gy[k];
            residual += std::abs(difference);
        }
        residual /= kSide * kSide;
        if (step == 4) break;
        const double dx = (yy * bx - xy * by) / determinant, dy = (xx * by - xy * bx) / determinant;
        shift.x += dx;
        shift.y += dy;
        if (dx * dx + dy * dy < 1e-3) break;
    }
    return residual;
}

}  // namespace detail

// Return the strongest corner of each cell of a grid; cells without a corner give none.
inline std::vector<Point> find_corners(const Level& level, int count = 80, double margin = 0.1) {
    const int left = std::max(detail::kWindow + 1, static_cast<int>(level.width * margin + 0.5));
    const int top = std::max(detail::kWindow + 1, static_cast<int>(level.height * margin + 0.5));
    const int wide = level.width - 2 * left, tall = level.height - 2 * top;
    if (wide <= 0 || tall <= 0) return {};
    const int columns = std::max(1, static_cast<int>(std::sqrt(static_cast<double>(count) * wide / tall) + 0.5));
    const int rows = std::max(1, count / columns);
    std::vector<double> best(static_cast<std::size_t>(columns) * rows, 10.0);  // least mean squared gradient
    std::vector<int> where(best.size(), -1);
    for (int y = top; y < level.height - top; y += 2)
        for (int x = left; x < level.width - left; x += 2) {
            const std::size_t cell = static_cast<std::size_t>((y - top) * rows / tall) * columns + (x - left) * columns / wide;
            const int at = y * level.width + x;
            const double strength = detail::corner_strength(&level.data[at], level.width);
            if (strength > best[cell]) best[cell] = strength, where[cell] = at;
        }
    std::vector<Point> points;
    for (const int at : where)
        if (at >= 0) points.push_back({static_cast<double>(at % level.width), static_cast<double>(at / level.width)});
    return points;
}

// Return the shifts of points in pixels of the finest level, without those that were lost.
inline std::vector<Point> track_points(const std::vector<Level>& before, const std::vector<Level>& after,
                                       const std::vector<Point>& points) {
    std::vector<Point> flow;
    for (const Point& point : points) {
        Point shift{0, 0};
        std::optional<double> residual;
        for (int level = static_cast<int>(before.size()) - 1; level >= 0; --level) {
            const double scale = 1.0 / (1 << level);
            const Point start = shift;
            residual = detail::refine(before[level], after[level], point.x * scale, point.y * scale, shift);
            if (!residual) shift = start;  // too near to the border of this level
            if (level) shift = {shift.x * 2, shift.y * 2};
        }
        if (residual && *residual <= 14) flow.push_back(shift);
    }
    return flow;
}

inline Motion median_motion(const std::vector<Point>& flow) {
    if (flow.empty()) return {};
    std::vector<double> lengths, across, down;
    for (const Point& one : flow) {
        lengths.push_back(std::sqrt(one.x * one.x + one.y * one.y));
        across.push_back(one.x);
        down.push_back(one.y);
    }
    const auto median = [](std::vector<double>& values) {
        std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
        return values[values.size() / 2];
    };
    return {median(lengths), median(across), median(down), static_cast<int>(flow.size())};
}

}  // namespace whatsit::scan

#endif  // WHATSIT_OPTICAL_FLOW_HPP
