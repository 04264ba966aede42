// The body of a request, read as it comes. The other half of connection.ipp.
#pragma once

#include "http/connection.ipp"

namespace dayaq::http {

template <class Stream>
Step Connection<Stream>::read_body() {
  const std::string_view early(buffer_.get() + begin_ + framing_.head_size,
                               filled_ - begin_ - framing_.head_size);
  if (framing_.expects_continue && early.empty()) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
  co_await Flush(*this);
  state_ = State::body;
  extend_deadline();
  bool whole = false;
  if (framing_.chunked) {
    whole = co_await read_chunked(early);
  } else {
    whole = co_await read_length(early);
  }
  if (!whole && expired_) {
    response_ = timed_out("The body of the request came too slowly. Send it at once.");
  } else if (!whole && !refused_body_) {
    failed_ = true;
  }
  expired_ = false;
  if (!whole) {
    keep_alive_ = false;
    linger_ = true;
    co_return false;
  }
  request_.body = body_;
  started_ = SteadyClock::now();  // a slow upload takes nothing from the handler's time, and isn't old in
                                  // the queue
  co_return true;
}

template <class Stream>
Step Connection<Stream>::read_length(std::string_view early) {
  const auto length = static_cast<std::size_t>(framing_.content_length);
  body_.assign(early);
  filled_ -= early.size();  // consumed here
  std::size_t received = body_.size();
  std::size_t earned = received + progress_min;
  while (received < length) {
    // Memory follows what has come, not what was announced.
    if (received == body_.size())
      body_.resize(std::min(length, std::max(received * 2, std::size_t{16} << 10)));
    const std::size_t n = co_await Read(*this, body_.data() + received, body_.size() - received);
    if (n == 0) co_return false;
    received += n;
    if (received >= earned) {
      earned = received + progress_min;
      extend_deadline();
    }
  }
  co_return true;
}

template <class Stream>
Step Connection<Stream>::read_chunked(std::string_view early) {
  ChunkedBody decoder(std::string_view(buffer_.get() + begin_, framing_.head_size));
  std::string raw(early);
  filled_ -= early.size();  // consumed here; what belongs to the next request comes back by carry_
  std::size_t earned = progress_min;
  body_.clear();
  while (true) {
    const auto progress = decoder.feed(raw, body_, match_.route->body_max);
    raw.erase(0, progress.taken);
    if (progress.status == ChunkedBody::Status::complete) break;
    if (progress.status != ChunkedBody::Status::incomplete) {
      response_ = progress.status == ChunkedBody::Status::too_long ? body_too_long(match_.route->body_max)
                                                                   : chunks_malformed();
      refused_body_ = true;
      co_return false;
    }
    const std::size_t kept = raw.size();
    raw.resize(kept + buffer_min * 4);
    const std::size_t n = co_await Read(*this, raw.data() + kept, raw.size() - kept);
    raw.resize(kept + n);
    if (n == 0) co_return false;
    if (body_.size() >= earned) {
      earned = body_.size() + progress_min;
      extend_deadline();
    }
  }
  carry_ = std::move(raw);
  co_return true;
}

}  // namespace dayaq::http
