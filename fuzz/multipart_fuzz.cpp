// links: dayaq::http
// A form with files as it comes over a connection, cut anywhere: the first byte says how it is cut, the first
// line is the content type. However it is cut, the same is read, and little is held back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "http/multipart.hpp"

namespace {

using namespace dayaq;

struct Story final : http::MultipartSink {
  Result<void> begin(http::MultipartHead head) override {
    DAYAQ_ASSERT(!open);
    open = true;
    told += "[" + head.name + "|" + head.file_name + "|";
    return {};
  }
  Result<void> data(std::string_view piece) override {
    DAYAQ_ASSERT(open && !piece.empty());
    told += piece;
    return {};
  }
  Result<void> end() override {
    DAYAQ_ASSERT(open);
    open = false;
    told += "]";
    return {};
  }
  std::string told;
  bool open = false;
};

struct Outcome {
  std::string told;
  bool fed = false;
  bool whole = false;
};

Outcome read(std::string_view type, std::string_view body, std::size_t size) {
  auto reader = http::MultipartReader::create(type);
  if (!reader) return {};
  Story story;
  Outcome out{.told = {}, .fed = true, .whole = false};
  while (!body.empty() && out.fed) {
    const std::string piece(body.substr(0, size));
    out.fed = reader->feed(piece, story).has_value();
    DAYAQ_ASSERT(reader->held() <= http::MultipartReader::head_max + 80);
    body.remove_prefix(piece.size());
  }
  out.whole = out.fed && reader->finish().has_value();
  out.told = std::move(story.told);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t cut = std::size_t(data[0]) + 1;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t line = input.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string_view body = input.substr(line + 1);
  const Outcome whole = read(input.substr(0, line), body, std::max<std::size_t>(body.size(), 1));
  const Outcome pieces = read(input.substr(0, line), body, cut);
  DAYAQ_ASSERT(whole.fed == pieces.fed && whole.whole == pieces.whole);
  if (whole.whole) DAYAQ_ASSERT(whole.told == pieces.told);
  return 0;
}
