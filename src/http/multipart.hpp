// multipart/form-data, read as it comes: memory is bounded by a part's head, whatever the parts hold.
// @see RFC 7578, RFC 2046 section 5.1.1
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace dayaq::http {

/// What a part's head says.
struct MultipartHead {
  std::string name;
  std::string file_name;  ///< "" for a field that isn't a file, or for a file field left empty
};

/// Takes what is in a form, in its order. An error ends the reading and is handed back by feed().
class MultipartSink {
 public:
  virtual ~MultipartSink() = default;
  virtual Result<void> begin(MultipartHead head) = 0;
  /// A piece of the part's value: never empty, as long as the call. Bytes are not checked to be text.
  virtual Result<void> data(std::string_view piece) = 0;
  virtual Result<void> end() = 0;
};

class MultipartReader {
 public:
  static constexpr std::size_t parts_max = 32;
  static constexpr std::size_t head_max = 8 << 10;

  /// invalid_input "http.multipart" if the content type isn't multipart/form-data with a boundary.
  static Result<MultipartReader> create(std::string_view content_type);

  /// The next bytes, cut anywhere. A value that lies whole in one call's bytes comes as one piece.
  /// invalid_input "http.multipart" for what no form sends; limit "http.multipart" beyond parts_max parts or
  /// for a head beyond head_max bytes; the sink's errors.
  Result<void> feed(std::string_view bytes, MultipartSink& sink);
  /// Nothing more comes: invalid_input "http.multipart" if the last delimiter didn't.
  [[nodiscard]] Result<void> finish() const;
  /// What is held back: never more than head_max and a delimiter.
  [[nodiscard]] std::size_t held() const { return held_.size(); }

 private:
  enum class State : std::uint8_t { opening, after_delimiter, head, data, done };

  explicit MultipartReader(std::string delimiter) : delimiter_(std::move(delimiter)) {}
  Result<bool> step(std::string_view& bytes, MultipartSink& sink);
  Result<bool> read_opening(std::string_view& bytes);
  Result<bool> read_after_delimiter(std::string_view& bytes);
  Result<bool> read_head(std::string_view& bytes, MultipartSink& sink);
  Result<bool> read_data(std::string_view& bytes, MultipartSink& sink);
  Result<bool> read_held_data(std::string_view& bytes, MultipartSink& sink);

  std::string delimiter_;  ///< "\r\n--" and the boundary
  State state_ = State::opening;
  std::size_t parts_ = 0;
  std::string held_;  ///< what came, and can't be told yet what it is
};

}  // namespace dayaq::http
