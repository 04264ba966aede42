// Writing what has been answered, and the end. A part of connection.ipp.
#pragma once

#include "http/connection.ipp"

namespace dayaq::http {

/// True when nothing is left to write: done, or failed.
template <class Stream>
bool Connection<Stream>::write_some() {
  while (true) {
    error_code error;
    const std::size_t n = large_body_.empty() ? stream_.write_some(asio::buffer(out_) + sent_, error)
                                              : stream_.write_some(pending_buffers(), error);
    if (error == asio::error::would_block)
      return aborted_ ? written(asio::error::operation_aborted, 0) : false;
    if (written(error, n)) return true;
  }
}

template <class Stream>
bool Connection<Stream>::written(error_code error, std::size_t n) {
  sent_ += n;
  if (sent_ >= earned_) {
    earned_ = sent_ + progress_min;
    extend_deadline();
  }
  if (error) {
    failed_ = true;
    open_ = false;
  } else if (pending() != 0) {
    return false;
  }
  out_.clear();
  if (out_.capacity() > 4 * batch_max) out_ = {};
  large_body_ = {};
  sent_ = 0;
  earned_ = progress_min;
  return true;
}

template <class Stream>
void Connection<Stream>::close() {
  error_code ignored;
  if (parked_ >= 0) ::close(std::exchange(parked_, -1));
  stream_.lowest_layer().close(ignored);
  wanted_.store(0, std::memory_order_relaxed);
  // No late handler has the request: it would look at the buffer.
  if (capacity_ == buffer_min && weak_from_this().use_count() == 1) io_->give_buffer(std::move(buffer_));
  io_->unlink(*this);
  shared_.connection_ended();
}

}  // namespace dayaq::http
