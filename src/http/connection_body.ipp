// The body of a request, read as it comes. The other half of connection.ipp.
//
// Small bodies are gathered in body_. Of large ones body_ holds a piece, which goes to the spool when it is
// whole; the handler sees all of it as one view of the spool's file.
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
  if (whole && spooled_) whole = see_spooled();
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
  if (!spooled_) request_.body = body_;
  started_ = SteadyClock::now();  // a slow upload takes nothing from the handler's time, and isn't old in
                                  // the queue
  co_return true;
}

/// Moves what is in body_ to the spool. False: response_ says why not.
template <class Stream>
bool Connection<Stream>::spool_body() {
  Result<void> done;
  if (!spooled_) {
    auto begun = shared_.options.spool->begin();
    if (begun) {
      spooled_ = std::move(*begun);
    } else {
      done = std::unexpected(begun.error());
    }
  }
  if (done) done = spooled_->add(body_);
  body_.clear();
  if (done) return true;
  if (done.error().kind == ErrorKind::limit) {
    response_ = overloaded(shared_.overloaded.fetch_add(1, std::memory_order_relaxed));
  } else {
    log::error("http.spool", "a large body could not be kept", done.error());
    response_ = problem(done.error());
  }
  refused_body_ = true;
  return false;
}

/// Shows the handler what was spooled. False: response_ says why not.
template <class Stream>
bool Connection<Stream>::see_spooled() {
  if (!body_.empty() && !spool_body()) return false;
  auto seen = spooled_->view();
  if (seen) {
    request_.body = *seen;
    return true;
  }
  log::error("http.spool", "a large body could not be kept", seen.error());
  response_ = problem(seen.error());
  refused_body_ = true;
  return false;
}

template <class Stream>
Step Connection<Stream>::read_length(std::string_view early) {
  const auto length = static_cast<std::size_t>(framing_.content_length);
  const bool spool = shared_.options.spool != nullptr && length >= Spool::body_min;
  const std::size_t piece_max = spool ? progress_min : length;
  body_.assign(early);
  filled_ -= early.size();              // consumed here
  std::size_t received = body_.size();  // in body_
  std::size_t left = length - received;
  std::size_t earned = length - left + progress_min;
  while (left != 0) {
    if (spool && received >= piece_max) {
      body_.resize(received);
      if (!spool_body()) co_return false;
      received = 0;
    }
    // Memory follows what has come, not what was announced.
    if (received == body_.size()) {
      body_.resize(std::min({piece_max, received + left, std::max(received * 2, std::size_t{16} << 10)}));
    }
    const std::size_t n = co_await Read(*this, body_.data() + received, body_.size() - received);
    if (n == 0) co_return false;
    received += n;
    left -= n;
    if (length - left >= earned) {
      earned = length - left + progress_min;
      extend_deadline();
    }
  }
  body_.resize(received);
  co_return !spool || spool_body();
}

template <class Stream>
Step Connection<Stream>::read_chunked(std::string_view early) {
  ChunkedBody decoder(std::string_view(buffer_.get() + begin_, framing_.head_size));
  std::string raw(early);
  filled_ -= early.size();  // consumed here; what belongs to the next request comes back by carry_
  std::size_t spooled = 0;
  std::size_t earned = progress_min;
  body_.clear();
  while (true) {
    const auto progress = decoder.feed(raw, body_, match_.route->body_max - spooled);
    raw.erase(0, progress.taken);
    if (progress.status == ChunkedBody::Status::complete) break;
    if (progress.status != ChunkedBody::Status::incomplete) {
      response_ = progress.status == ChunkedBody::Status::too_long ? body_too_long(match_.route->body_max)
                                                                   : chunks_malformed();
      refused_body_ = true;
      co_return false;
    }
    if (shared_.options.spool != nullptr && body_.size() >= (spooled_ ? progress_min : Spool::body_min)) {
      spooled += body_.size();
      if (!spool_body()) co_return false;
    }
    const std::size_t kept = raw.size();
    raw.resize(kept + buffer_min * 4);
    const std::size_t n = co_await Read(*this, raw.data() + kept, raw.size() - kept);
    raw.resize(kept + n);
    if (n == 0) co_return false;
    if (spooled + body_.size() >= earned) {
      earned = spooled + body_.size() + progress_min;
      extend_deadline();
    }
  }
  carry_ = std::move(raw);
  co_return true;
}

}  // namespace dayaq::http
