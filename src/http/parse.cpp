#include "http/parse.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <cstring>

#include "http/encoding.hpp"

namespace dayaq::http {
namespace {

namespace beast = boost::beast;
using beast::http::field;
using ErrorCode = beast::error_code;

std::optional<Method> method_of(beast::http::verb verb) {
  switch (verb) {
    case beast::http::verb::get:
      return Method::get;
    case beast::http::verb::head:
      return Method::head;
    case beast::http::verb::post:
      return Method::post;
    case beast::http::verb::put:
      return Method::put;
    case beast::http::verb::patch:
      return Method::patch;
    case beast::http::verb::delete_:
      return Method::del;
    case beast::http::verb::options:
      return Method::options;
    default:
      return std::nullopt;
  }
}

/// Takes what Beast finds as views, so that a head costs no allocation.
class HeadParser final : public beast::http::basic_parser<true> {
 public:
  HeadParser(std::string_view bytes, std::size_t fields_max, Request& request, Framing& framing)
      : bytes_(bytes), fields_max_(fields_max), request_(request), framing_(framing) {
    header_limit(static_cast<std::uint32_t>(bytes.size() + 1));
    body_limit(boost::none);
  }

  std::optional<Refusal> refusal;
  std::string_view cookie;
  std::string_view accept_language;

  /// The checks that need the whole head.
  void finish() {
    const bool http_1_1 = version_ >= 11;
    if (http_1_1 && hosts_ == 0) refuse(400, "http.host", "Send one Host header.");
    if (transfer_encodings_ != 0 && lengths_ != 0) {
      refuse(400, "http.framing", "Send Content-Length or Transfer-Encoding, not both.");
    }
    if (transfer_encodings_ != 0 && !http_1_1) {
      refuse(400, "http.framing", "HTTP/1.0 has no Transfer-Encoding; send Content-Length.");
    }
    if (unknown_coding_) refuse(501, "http.transfer_coding", "Send the body as it is or chunked.");
    if (unknown_expectation_) refuse(417, "http.expectation", "Only Expect: 100-continue is understood.");
    framing_.chunked = transfer_encodings_ != 0;
    framing_.content_length = content_length().value_or(0);
    framing_.keep_alive = http_1_1 && keep_alive();  // an HTTP/1.0 caller would wait for our promise
  }

 private:
  void refuse(int status, std::string_view code, std::string_view detail) {
    if (!refusal) refusal = Refusal{status, code, detail};
  }

  void on_request_impl(beast::http::verb verb, beast::string_view, beast::string_view target, int version,
                       ErrorCode&) override {
    version_ = version;
    const auto method = method_of(verb);
    if (!method) return refuse(501, "http.method", "Use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.");
    request_.method = *method;
    read_target({target.data(), target.size()});
  }

  void read_target(std::string_view target) {
    const auto foreign = [](char c) { return c == '#' || static_cast<unsigned char>(c) >= 0x7f; };
    if (std::ranges::any_of(target, foreign)) {
      return refuse(400, "http.target", "Percent-encode the target's bytes, and leave its fragment out.");
    }
    if (target == "*" && request_.method == Method::options) {
      request_.path = target;
      return;
    }
    if (!target.starts_with('/')) {  // absolute-form: a proxy's way of asking
      const std::size_t scheme = target.find("://");
      const std::string_view name = target.substr(0, scheme);
      if (scheme == std::string_view::npos ||
          !(equals_ignoring_case(name, "http") || equals_ignoring_case(name, "https"))) {
        return refuse(400, "http.target", "Ask for a path that starts with a slash.");
      }
      const std::string_view rest = target.substr(scheme + 3);
      const std::size_t path = rest.find_first_of("/?");
      if (path == 0 || rest.empty()) return refuse(400, "http.target", "The target names no host.");
      target = path == std::string_view::npos ? std::string_view("/") : rest.substr(path);
      if (target.starts_with('?')) {
        request_.path = "/";
        request_.query = target.substr(1);
        return;
      }
    }
    const std::size_t mark = target.find('?');
    request_.path = target.substr(0, mark);
    if (mark != std::string_view::npos) request_.query = target.substr(mark + 1);
  }

  void on_field_impl(field name, beast::string_view name_text, beast::string_view value_text,
                     ErrorCode&) override {
    const std::string_view value(value_text.data(), value_text.size());
    // Beast joins folded lines in a buffer of its own, which dies with the parser.
    const std::less<> before;
    if (!value.empty() &&
        (before(value.data(), bytes_.data()) || !before(value.data(), bytes_.data() + bytes_.size()))) {
      return refuse(400, "http.folding", "Send each header on one line.");
    }
    if (request_.headers.size() >= fields_max_) return refuse(431, "http.head_size", "Send fewer headers.");
    request_.headers.emplace_back(std::string_view(name_text.data(), name_text.size()), value);
    read_known(name, value);
  }

  void read_known(field name, std::string_view value) {
    switch (name) {
      case field::host:
        if (++hosts_ > 1) refuse(400, "http.host", "Send one Host header.");
        break;
      case field::authorization:
        if (!framing_.authorization.empty()) refuse(400, "http.duplicate", "Send one Authorization header.");
        framing_.authorization = value;
        break;
      case field::cookie:
        cookie = value;
        break;
      case field::accept_language:
        accept_language = value;
        break;
      case field::expect:
        framing_.expects_continue = equals_ignoring_case(value, "100-continue");
        unknown_expectation_ = !framing_.expects_continue;
        break;
      case field::content_length:
        if (++lengths_ > 1 || value.find(',') != std::string_view::npos) {
          refuse(400, "http.framing", "Send one Content-Length.");
        }
        break;
      case field::transfer_encoding:
        ++transfer_encodings_;
        if (!equals_ignoring_case(value, "chunked")) unknown_coding_ = true;
        break;
      default:
        break;
    }
  }

  void on_header_impl(ErrorCode&) override {}
  void on_response_impl(int, beast::string_view, int, ErrorCode&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, ErrorCode&) override {}
  std::size_t on_body_impl(beast::string_view, ErrorCode&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, ErrorCode&) override { return 0; }
  void on_finish_impl(ErrorCode&) override {}

  std::string_view bytes_;
  std::size_t fields_max_;
  Request& request_;
  Framing& framing_;
  int version_ = 11;
  int hosts_ = 0;
  int lengths_ = 0;
  int transfer_encodings_ = 0;
  bool unknown_coding_ = false;
  bool unknown_expectation_ = false;
};

Refusal refusal_of(const ErrorCode& failure) {
  using beast::http::error;
  if (failure == error::bad_version) {
    return {505, "http.version", "Use HTTP/1.1."};
  }
  if (failure == error::bad_content_length || failure == error::bad_transfer_encoding ||
      failure == error::multiple_content_length) {
    return {400, "http.framing", "Send one valid Content-Length, or Transfer-Encoding: chunked, not both."};
  }
  return {400, "http.malformed", "This is not an HTTP/1.1 request."};
}

constexpr Refusal head_too_long{431, "http.head_size", "Send a shorter target and fewer or shorter headers."};

/// Empty lines before a request are skipped. @see RFC 9112 section 2.2
std::size_t leading_lines(std::string_view bytes) {
  std::size_t skipped = 0;
  while (skipped < 8 && bytes.substr(skipped).starts_with("\r\n")) skipped += 2;
  return skipped;
}

void reset(Request& request, Framing& framing) {
  request.path = {};
  request.query = {};
  request.body = {};
  request.headers.clear();
  request.parameters.clear();
  request.principal = {};
  framing = {};
}

}  // namespace

HeadStatus parse_head(std::string_view bytes, const HeadLimits& limits, std::size_t& searched,
                      Request& request, Framing& framing, Refusal& refusal) {
  const std::size_t start = leading_lines(bytes);
  const std::size_t from = std::max(start, searched);
  const std::size_t end = bytes.find("\r\n\r\n", from);
  if (end == std::string_view::npos || end - start + 4 > limits.bytes_max) {
    searched = bytes.size() > 3 ? bytes.size() - 3 : 0;
    if (end == std::string_view::npos && bytes.size() - start < limits.bytes_max)
      return HeadStatus::incomplete;
    refusal = head_too_long;
    return HeadStatus::refused;
  }
  searched = 0;
  reset(request, framing);
  const std::string_view head = bytes.substr(start, end + 4 - start);
  HeadParser parser(head, limits.fields_max, request, framing);
  ErrorCode error;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (!error && !parser.is_header_done()) error = beast::http::error::partial_message;
  if (error) {
    refusal = parser.refusal ? *parser.refusal : refusal_of(error);
    return HeadStatus::refused;
  }
  parser.finish();
  if (parser.refusal) {
    refusal = *parser.refusal;
    return HeadStatus::refused;
  }
  framing.head_size = start + head.size();
  request.language = negotiate_language(request.query, parser.cookie, parser.accept_language);
  return HeadStatus::complete;
}

struct ChunkedBody::State final : beast::http::basic_parser<true> {
  State() { body_limit(boost::none); }

  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int, ErrorCode&) override {}
  void on_response_impl(int, beast::string_view, int, ErrorCode&) override {}
  void on_field_impl(field, beast::string_view, beast::string_view, ErrorCode&) override {}
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, ErrorCode&) override {}
  std::size_t on_body_impl(beast::string_view, ErrorCode&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view piece, ErrorCode& error) override {
    if (piece.size() > size_max - out->size()) {
      error = beast::http::error::body_limit;
      return 0;
    }
    out->append(piece.data(), piece.size());
    return piece.size();
  }
  void on_finish_impl(ErrorCode&) override {}

  std::string* out = nullptr;
  std::size_t size_max = 0;
};

ChunkedBody::ChunkedBody(std::string_view head) : state_(std::make_unique<State>()) {
  state_->header_limit(static_cast<std::uint32_t>(head.size() + 1));
  ErrorCode error;
  const std::string_view message = head.substr(leading_lines(head));
  state_->put(boost::asio::const_buffer(message.data(), message.size()), error);
  DAYAQ_ASSERT(!error && state_->is_header_done() && state_->chunked());
}

ChunkedBody::~ChunkedBody() = default;

ChunkedBody::Progress ChunkedBody::feed(std::string_view bytes, std::string& out, std::size_t size_max) {
  constexpr std::size_t chunk_head_max = 8 << 10;  // size line, or last chunk with all trailer fields
  DAYAQ_ASSERT(out.size() <= size_max);
  state_->out = &out;
  state_->size_max = size_max;
  Progress progress;
  while (!state_->is_done()) {
    ErrorCode error;
    const std::string_view rest = bytes.substr(progress.taken);
    progress.taken += state_->put(boost::asio::const_buffer(rest.data(), rest.size()), error);
    if (error == beast::http::error::need_more) {
      if (bytes.size() - progress.taken > chunk_head_max) progress.status = Status::malformed;
      return progress;
    }
    if (error) {
      progress.status = error == beast::http::error::body_limit ? Status::too_long : Status::malformed;
      return progress;
    }
    if (progress.taken == bytes.size() && !state_->is_done()) return progress;
  }
  progress.status = Status::complete;
  return progress;
}

Result<Request> parse_request(std::string_view bytes, std::size_t body_max, std::string& body_storage) {
  Request request;
  Framing framing;
  Refusal refusal;
  std::size_t searched = 0;
  const auto incomplete = [] {
    return fail(ErrorKind::invalid_input, "http.incomplete", "Send the whole request.");
  };
  const auto too_long = [] {
    return fail(ErrorKind::invalid_input, "http.body_size", "Send a shorter body.");
  };
  switch (parse_head(bytes, {}, searched, request, framing, refusal)) {
    case HeadStatus::incomplete:
      return incomplete();
    case HeadStatus::refused:
      return fail(ErrorKind::invalid_input, refusal.code, std::string(refusal.detail));
    case HeadStatus::complete:
      break;
  }
  const std::string_view rest = bytes.substr(framing.head_size);
  if (framing.chunked) {
    body_storage.clear();
    ChunkedBody chunked(bytes.substr(0, framing.head_size));
    switch (chunked.feed(rest, body_storage, body_max).status) {
      case ChunkedBody::Status::incomplete:
        return incomplete();
      case ChunkedBody::Status::too_long:
        return too_long();
      case ChunkedBody::Status::malformed:
        return fail(ErrorKind::invalid_input, "http.malformed", "The chunked body is malformed.");
      case ChunkedBody::Status::complete:
        request.body = body_storage;
        break;
    }
  } else {
    if (framing.content_length > body_max) return too_long();
    if (rest.size() < framing.content_length) return incomplete();
    request.body = rest.substr(0, static_cast<std::size_t>(framing.content_length));
  }
  return request;
}

}  // namespace dayaq::http
