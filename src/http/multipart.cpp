#include "http/multipart.hpp"

#include <algorithm>
#include <optional>

#include "http/encoding.hpp"

namespace dayaq::http {
namespace {

constexpr std::size_t boundary_max = 70;  // RFC 2046

std::unexpected<Error> broken(std::string_view why) {
  return fail(ErrorKind::invalid_input, "http.multipart", "The form wasn't sent whole. Send it again.",
              std::string(why));
}

/// A parameter of a header's value, `; name=token` or `; name="quoted \" text"`; nullopt if it isn't there.
std::optional<std::string> parameter(std::string_view value, std::string_view wanted) {
  std::size_t at = value.find(';');
  while (at < value.size()) {
    const std::size_t equals = value.find('=', ++at);
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = trim(value.substr(at, equals - at));
    std::string text;
    at = equals + 1;
    if (at < value.size() && value[at] == '"') {
      for (++at; at < value.size() && value[at] != '"'; ++at) {
        if (value[at] == '\\' && at + 1 < value.size()) ++at;
        text += value[at];
      }
      if (at == value.size()) return std::nullopt;
      at = value.find(';', at);
    } else {
      const std::size_t end = value.find(';', at);
      text = trim(value.substr(at, end == std::string_view::npos ? end : end - at));
      at = end;
    }
    if (equals_ignoring_case(name, wanted)) return text;
  }
  return std::nullopt;
}

/// Reads a part's head: the lines before the first empty one.
Result<MultipartHead> parse_head(std::string_view head) {
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return broken("a header without a colon");
    if (!equals_ignoring_case(line.substr(0, colon), "content-disposition")) continue;
    auto name = parameter(line.substr(colon + 1), "name");
    if (!name) return broken("a part without a name");
    return MultipartHead{std::move(*name), parameter(line.substr(colon + 1), "filename").value_or("")};
  }
  return broken("a part without content-disposition");
}

/// How many bytes at the end of `text` might begin `delimiter`.
std::size_t begun(std::string_view text, std::string_view delimiter) {
  for (std::size_t size = std::min(text.size(), delimiter.size() - 1); size > 0; --size) {
    if (text.ends_with(delimiter.substr(0, size))) return size;
  }
  return 0;
}

}  // namespace

Result<MultipartReader> MultipartReader::create(std::string_view content_type) {
  const std::string_view kind = trim(content_type.substr(0, content_type.find(';')));
  const auto boundary = parameter(content_type, "boundary");
  if (!equals_ignoring_case(kind, "multipart/form-data") || !boundary || boundary->empty() ||
      boundary->size() > boundary_max || boundary->find_first_of("\r\n") != std::string::npos) {
    return broken("no boundary");
  }
  return MultipartReader("\r\n--" + *boundary);
}

Result<void> MultipartReader::feed(std::string_view bytes, MultipartSink& sink) {
  for (bool further = true; further;) {
    DAYAQ_TRY(further, step(bytes, sink));
  }
  return {};
}

Result<void> MultipartReader::finish() const {
  switch (state_) {
    case State::opening:
      return broken("no opening delimiter");
    case State::after_delimiter:
      return broken("a delimiter that goes on");
    case State::head:
      return broken("a part without an end of its head");
    case State::data:
      return broken("a part without an end");
    case State::done:
      return {};
  }
  return {};
}

/// One step; false once it needs more bytes.
Result<bool> MultipartReader::step(std::string_view& bytes, MultipartSink& sink) {
  switch (state_) {
    case State::opening:
      return read_opening(bytes);
    case State::after_delimiter:
      return read_after_delimiter(bytes);
    case State::head:
      return read_head(bytes, sink);
    case State::data:
      return held_.empty() ? read_data(bytes, sink) : read_held_data(bytes, sink);
    case State::done:
      return false;  // what follows the last delimiter says nothing
  }
  return false;
}

/// The first delimiter stands at the very start, without the line break that belongs to it.
Result<bool> MultipartReader::read_opening(std::string_view& bytes) {
  const std::string_view opening = std::string_view(delimiter_).substr(2);
  const std::size_t size = std::min(bytes.size(), opening.size() - held_.size());
  if (bytes.substr(0, size) != opening.substr(held_.size(), size)) return broken("no opening delimiter");
  held_ += bytes.substr(0, size);
  bytes.remove_prefix(size);
  if (held_.size() < opening.size()) return false;
  held_.clear();
  state_ = State::after_delimiter;
  return true;
}

Result<bool> MultipartReader::read_after_delimiter(std::string_view& bytes) {
  const std::size_t size = std::min(bytes.size(), 2 - held_.size());
  held_ += bytes.substr(0, size);
  bytes.remove_prefix(size);
  if (held_.size() < 2) return false;
  if (held_ == "--") {
    state_ = State::done;
  } else if (held_ != "\r\n") {
    return broken("a delimiter that goes on");
  } else if (parts_ == parts_max) {
    return fail(ErrorKind::limit, "http.multipart", "The form has too many fields.");
  } else {
    ++parts_;
    state_ = State::head;
  }
  held_.clear();
  return true;
}

Result<bool> MultipartReader::read_head(std::string_view& bytes, MultipartSink& sink) {
  // The end may have begun in what is held.
  const std::size_t from = held_.size() < 3 ? 0 : held_.size() - 3;
  const std::size_t before = held_.size();
  const std::size_t taken = std::min(bytes.size(), head_max - before);
  held_ += bytes.substr(0, taken);
  const std::size_t blank = held_.find("\r\n\r\n", from);
  if (blank == std::string::npos) {
    bytes.remove_prefix(taken);
    if (held_.size() < head_max) return false;
    return fail(ErrorKind::limit, "http.multipart", "A field of the form has too long a name.");
  }
  bytes.remove_prefix(blank + 4 - before);
  DAYAQ_TRY(MultipartHead head, parse_head(std::string_view(held_).substr(0, blank)));
  held_.clear();
  state_ = State::data;
  DAYAQ_TRY_OK(sink.begin(std::move(head)));
  return true;
}

Result<bool> MultipartReader::read_data(std::string_view& bytes, MultipartSink& sink) {
  const std::size_t end = bytes.find(delimiter_);
  const bool whole = end != std::string_view::npos;
  const std::size_t kept = whole ? 0 : begun(bytes, delimiter_);
  const std::string_view piece = bytes.substr(0, whole ? end : bytes.size() - kept);
  if (!piece.empty()) {
    DAYAQ_TRY_OK(sink.data(piece));
  }
  if (!whole) {
    held_ = bytes.substr(piece.size());
    bytes = {};
    return false;
  }
  bytes.remove_prefix(end + delimiter_.size());
  state_ = State::after_delimiter;
  DAYAQ_TRY_OK(sink.end());
  return true;
}

/// What is held begins a delimiter. It goes on being one, or all of it was data: a delimiter's first byte, a
/// line break's, stands nowhere else in it.
Result<bool> MultipartReader::read_held_data(std::string_view& bytes, MultipartSink& sink) {
  const std::size_t size = std::min(bytes.size(), delimiter_.size() - held_.size());
  if (bytes.substr(0, size) == std::string_view(delimiter_).substr(held_.size(), size)) {
    held_ += bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (held_.size() < delimiter_.size()) return false;
    held_.clear();
    state_ = State::after_delimiter;
    DAYAQ_TRY_OK(sink.end());
    return true;
  }
  const std::string was_data = std::move(held_);
  held_.clear();
  DAYAQ_TRY_OK(sink.data(was_data));
  return true;
}

}  // namespace dayaq::http
