#include "portal/qr.hpp"

#include <fmt/format.h>
#include <qrencode.h>

#include <memory>

#include "base/text.hpp"

namespace dayaq::portal {
namespace {

struct FreeCode {
  void operator()(QRcode* code) const { QRcode_free(code); }
};

QRecLevel level_of(QrCorrection correction) {
  switch (correction) {
    case QrCorrection::low:
      return QR_ECLEVEL_L;
    case QrCorrection::medium:
      return QR_ECLEVEL_M;
    case QrCorrection::quartile:
      return QR_ECLEVEL_Q;
    case QrCorrection::high:
      return QR_ECLEVEL_H;
  }
  return QR_ECLEVEL_M;
}

}  // namespace

Result<QrCode> QrCode::create(std::string_view text, QrCorrection correction) {
  // The library takes a C string and chooses the mode of each part by itself.
  constexpr std::size_t text_max = 4'296;
  if (text.empty() || text.size() > text_max || text.find('\0') != std::string_view::npos) {
    return fail(ErrorKind::invalid_input, "portal.qr", "This text doesn't fit a QR code.", "size");
  }
  const std::unique_ptr<QRcode, FreeCode> made(
      QRcode_encodeString(std::string(text).c_str(), 0, level_of(correction), QR_MODE_8, 1));
  if (!made)
    return fail(ErrorKind::invalid_input, "portal.qr", "This text doesn't fit a QR code.", "capacity");
  QrCode code;
  code.size_ = made->width;
  const auto modules = static_cast<std::size_t>(made->width) * static_cast<std::size_t>(made->width);
  code.dark_.reserve(modules);
  for (std::size_t i = 0; i < modules; ++i) code.dark_.push_back((made->data[i] & 1) != 0);
  return code;
}

std::string QrCode::path() const {
  // Each run of dark modules of a row is one rectangle.
  std::string path;
  for (int y = 0; y < size_; ++y) {
    for (int x = 0; x < size_;) {
      if (!dark(x, y)) {
        ++x;
        continue;
      }
      int end = x;
      while (end < size_ && dark(end, y)) ++end;
      path += fmt::format("M{} {}h{}v1h-{}z", x + quiet_zone, y + quiet_zone, end - x, end - x);
      x = end;
    }
  }
  return path;
}

std::string QrCode::svg(std::string_view name) const {
  const int side = size_ + 2 * quiet_zone;
  return fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="{1}" )"
      R"(shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{0}v{0}h-{0}z"/><path fill="#000" d="{2}"/></svg>)",
      side, escape_html(name), path());
}

}  // namespace dayaq::portal
