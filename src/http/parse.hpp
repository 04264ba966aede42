// From bytes to a Request: Beast's parser behind plain functions, with the checks that Beast leaves to its
// caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace dayaq::http {

/// How the rest of the message travels, as its head says.
struct Framing {
  std::size_t head_size = 0;  ///< bytes of the head, with the empty line
  std::uint64_t content_length = 0;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
  std::string_view authorization;  ///< value of the Authorization header, "" if absent
  [[nodiscard]] bool has_body() const { return chunked || content_length != 0; }
};

/// Why a message is refused. The connection ends after it, since nobody can tell where the next one starts.
struct Refusal {
  int status = 400;
  std::string_view code;    ///< "http.malformed", "http.framing", ...
  std::string_view detail;  ///< says what to correct
};

enum class HeadStatus : std::uint8_t { complete, incomplete, refused };

struct HeadLimits {
  std::size_t bytes_max = 16 << 10;
  std::size_t fields_max = 100;
};

/// Reads one head from the front of `bytes`.
///
/// Refused, besides what isn't HTTP/1.x: obsolete line folding, a missing or second Host, Content-Length
/// together with Transfer-Encoding or twice, any transfer coding but `chunked`, HTTP/1.0 with a transfer
/// coding, a target that is neither a path nor an absolute URI (nor `*` for OPTIONS), a fragment or a
/// non-ASCII byte in it.
///
/// @param searched  how far the end of the head has been looked for; 0 for a new head, kept by the caller
/// meanwhile
/// @param request   gets method, path, query, headers and language; its views point into `bytes`
/// @see RFC 9112 sections 2 to 6; RFC 9110 section 7
[[nodiscard]] HeadStatus parse_head(std::string_view bytes, const HeadLimits& limits, std::size_t& searched,
                                    Request& request, Framing& framing, Refusal& refusal);

/// Decodes a chunked body piece by piece. @see RFC 9112 section 7.1
class ChunkedBody {
 public:
  /// @param head  the bytes of a head that parse_head accepted and found chunked
  explicit ChunkedBody(std::string_view head);
  ~ChunkedBody();

  enum class Status : std::uint8_t { complete, incomplete, malformed, too_long };
  struct Progress {
    Status status = Status::incomplete;
    std::size_t taken = 0;  ///< bytes used; the caller gives the others again, with more behind them
  };
  /// Appends to `out` what it decodes, up to `size_max` bytes in all. Trailer fields are checked and dropped.
  [[nodiscard]] Progress feed(std::string_view bytes, std::string& out, std::size_t size_max);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A whole message in one piece. What the server does in steps, for tests and the fuzzer.
/// @param body_storage  holds a decoded chunked body; the request's body may point into it
/// @return invalid_input with the refusal's code; also for a message that isn't complete ("http.incomplete")
[[nodiscard]] Result<Request> parse_request(std::string_view bytes, std::size_t body_max,
                                            std::string& body_storage);

}  // namespace dayaq::http
