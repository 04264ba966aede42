// QR codes, of permits and of keys for apps, as vectors: sharp on screen and paper, and without an image
// file.
// @see ISO/IEC 18004; through libqrencode
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dayaq::portal {

/// How much of it may be dirty or torn: 7, 15, 25, 30 %.
enum class QrCorrection : std::uint8_t { low, medium, quartile, high };

/// The dark and light squares, without the quiet zone.
class QrCode {
 public:
  /// The smallest code that holds the text. "DP1:" and base45 need 5.5 bits a letter, other text 8.
  ///   - invalid_input "portal.qr"  empty, or longer than a code can hold
  static Result<QrCode> create(std::string_view text, QrCorrection correction = QrCorrection::medium);
  [[nodiscard]] int size() const { return size_; }  ///< modules a side: 21 to 177
  [[nodiscard]] bool dark(int x, int y) const {
    return dark_[static_cast<std::size_t>(y) * static_cast<std::size_t>(size_) + static_cast<std::size_t>(x)];
  }
  /// The dark squares as the `d` of an SVG path, one unit a module, the quiet zone's 4 modules added.
  [[nodiscard]] std::string path() const;
  /// A whole <svg> element, black on white whatever the page's colours, with `name` for who can't see it.
  /// Nothing inline that a Content-Security-Policy refuses.
  [[nodiscard]] std::string svg(std::string_view name) const;

  static constexpr int quiet_zone = 4;  ///< modules on each side

 private:
  int size_ = 0;
  std::vector<bool> dark_;
};

}  // namespace dayaq::portal
