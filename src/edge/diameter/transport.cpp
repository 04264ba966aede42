#include "edge/diameter/transport.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <utility>

#include "edge/diameter/message.hpp"

namespace dayaq::edge::diameter {

namespace {

constexpr std::size_t read_bytes_first = 16u << 10;
constexpr std::size_t read_bytes_max = 64u << 10;  ///< of one read: a batch is decided under one lock

class TcpStream final : public Stream {
 public:
  explicit TcpStream(tcp::socket socket) : socket_(std::move(socket)) {
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
  }
  void handshake(std::function<void(error_code)> done) override { done({}); }
  void read_some(std::span<std::byte> into, Done done) override {
    socket_.async_read_some(asio::buffer(into.data(), into.size()), std::move(done));
  }
  void write_some(BytesView bytes, Done done) override {
    // Nearly always the kernel takes it at once: that saves the way through the event queue.
    error_code error;
    socket_.non_blocking(true, error);
    const std::size_t count = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      socket_.async_write_some(asio::buffer(bytes.data(), bytes.size()), std::move(done));
    } else {
      done(error, count);
    }
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }
  void cancel() override {
    error_code ignored;
    socket_.cancel(ignored);
  }
  int release() override {
    error_code error;
    const int descriptor = socket_.release(error);
    return error ? -1 : descriptor;
  }

 private:
  tcp::socket socket_;
};

class TlsStream final : public Stream {
 public:
  TlsStream(tcp::socket socket, asio::ssl::context& context, bool server)
      : stream_(std::move(socket), context), server_(server) {
    error_code ignored;
    stream_.lowest_layer().set_option(tcp::no_delay(true), ignored);
  }
  void handshake(std::function<void(error_code)> done) override {
    stream_.async_handshake(server_ ? asio::ssl::stream_base::server : asio::ssl::stream_base::client,
                            std::move(done));
  }
  void read_some(std::span<std::byte> into, Done done) override {
    stream_.async_read_some(asio::buffer(into.data(), into.size()), std::move(done));
  }
  void write_some(BytesView bytes, Done done) override {
    stream_.async_write_some(asio::buffer(bytes.data(), bytes.size()), std::move(done));
  }
  void close() override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }
  void cancel() override {
    error_code ignored;
    stream_.lowest_layer().cancel(ignored);
  }
  bool certified_as(const std::string& name) override {
    SSL* const ssl = stream_.native_handle();
    if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE) return true;
    const X509* const certificate = SSL_get0_peer_certificate(ssl);
    // A name that begins with a dot would stand for all below it.
    return certificate != nullptr && !name.starts_with('.') &&
           X509_check_host(const_cast<X509*>(certificate), name.data(), name.size(),
                           X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1;
  }
  int release() override { return -1; }  // the record layer's keys are this process's

 private:
  asio::ssl::stream<tcp::socket> stream_;
  const bool server_;
};

}  // namespace

std::unique_ptr<Stream> tcp_stream(tcp::socket socket) {
  return std::make_unique<TcpStream>(std::move(socket));
}

std::unique_ptr<Stream> tls_stream(tcp::socket socket, asio::ssl::context& context, bool server) {
  return std::make_unique<TlsStream>(std::move(socket), context, server);
}

Connection::Connection(std::unique_ptr<Stream> stream, const ConnectionLimits& limits)
    : stream_(std::move(stream)), limits_(limits) {}

void Connection::start(Handler* handler, Bytes unread) {
  handler_ = handler;
  open_ = true;
  progress_ = SteadyClock::now();
  in_ = std::move(unread);
  in_end_ = in_.size();
  if (in_.size() < read_bytes_first) in_.resize(read_bytes_first);
  stream_->handshake([self = shared_from_this()](error_code error) {
    if (!self->open_) return;
    if (error) return self->fail("TLS: " + error.message());
    self->handler_->on_ready();
    // What the process before had read is delivered as if it had come now.
    if (self->open_ && self->deliver()) self->read();
  });
}

void Connection::read() {
  if (!open_ || reading_ || deaf_ || release_done_) return;
  paused_ = unsent() > limits_.output_pause;
  if (paused_) return;
  // A read that filled the buffer, or a message longer than it, asks for a larger one.
  if (in_.size() - in_end_ < read_bytes_first / 2)
    in_.resize(std::max(in_.size() * 2, in_end_ + read_bytes_first));
  reading_ = true;
  const std::span<std::byte> free(in_.data() + in_end_, std::min(in_.size() - in_end_, read_bytes_max));
  stream_->read_some(free, [self = shared_from_this()](error_code error, std::size_t count) {
    self->reading_ = false;
    if (!self->open_) return;
    if (self->release_done_) {
      self->in_end_ += count;
      return self->release_if_quiet();
    }
    if (error && self->deaf_) return;  // stopped, or about to be closed by who asked for it
    if (error) return self->fail(error == asio::error::eof ? "closed by the peer" : error.message());
    self->on_read(count);
  });
}

void Connection::on_read(std::size_t count) {
  const bool filled = in_end_ + count == in_.size();
  in_end_ += count;
  if (!deliver()) return;
  if (filled && in_.size() < read_bytes_max) in_.resize(in_.size() * 2);
  read();
}

/// Gives the whole messages that are there to the handler. False if the connection ended by it.
bool Connection::deliver() {
  std::size_t end = 0;
  bool malformed = false;
  while (in_end_ - end >= header_bytes) {
    const auto header = parse_header(BytesView(in_).subspan(end, header_bytes));
    if (!header) {
      malformed = true;
      break;
    }
    if (in_end_ - end < header->length) {
      if (in_.size() - end < header->length) in_.resize(end + header->length);
      break;
    }
    end += header->length;
  }
  const auto self = shared_from_this();
  if (end > 0) handler_->on_messages(BytesView(in_).first(end));
  if (!open_) return false;
  if (malformed) {
    deaf_ = true;
    Bytes header(in_.begin() + std::ptrdiff_t(end), in_.begin() + std::ptrdiff_t(end + header_bytes));
    handler_->on_malformed(header);
    return false;
  }
  std::copy(in_.begin() + std::ptrdiff_t(end), in_.begin() + std::ptrdiff_t(in_end_), in_.begin());
  in_end_ -= end;
  return true;
}

void Connection::send(BytesView message) {
  if (!open_ || closing_) return;
  next_.insert(next_.end(), message.begin(), message.end());
}

void Connection::send_after(BytesView message, std::uint64_t sequence) {
  if (!open_ || closing_) return;
  held_.insert(held_.end(), message.begin(), message.end());
  ++held_messages_;
  const std::size_t end = held_base_ + held_.size();
  // One read's answers are one group: they were journaled under one lock.
  if (!marks_.empty() && marks_.back().sequence >= sequence) {
    marks_.back().end = end;
    ++marks_.back().messages;
  } else {
    marks_.push_back({.sequence = sequence, .end = end, .messages = 1});
  }
}

std::size_t Connection::release_durable(std::uint64_t durable) {
  std::size_t end = held_base_, released = 0;
  while (!marks_.empty() && marks_.front().sequence <= durable) {
    end = marks_.front().end;
    released += marks_.front().messages;
    marks_.pop_front();
  }
  if (released == 0) return 0;
  const auto count = std::ptrdiff_t(end - held_base_);
  if (std::size_t(count) == held_.size() && next_.empty()) {
    next_.swap(held_);
    held_.clear();
  } else {
    next_.insert(next_.end(), held_.begin(), held_.begin() + count);
    held_.erase(held_.begin(), held_.begin() + count);
  }
  held_base_ = end;
  held_messages_ -= released;
  return released;
}

void Connection::flush() {
  if (!open_ || writing_) return;
  if (next_.empty()) {
    if (closing_ && held_.empty()) fail("disconnected");
    return;
  }
  out_.clear();
  out_.swap(next_);
  out_sent_ = 0;
  write();
}

void Connection::write() {
  const auto self = shared_from_this();
  if (!writing_) progress_ = SteadyClock::now();
  writing_ = true;
  stream_->write_some(BytesView(out_).subspan(out_sent_),
                      [self](error_code error, std::size_t count) { self->on_written(error, count); });
}

void Connection::on_written(error_code error, std::size_t count) {
  if (!open_) return;
  out_sent_ += count;
  if (count > 0) progress_ = SteadyClock::now();
  if (release_done_) {
    writing_ = false;
    return release_if_quiet();
  }
  if (error) {
    writing_ = false;
    return fail(error.message());
  }
  if (unsent() > limits_.output_max) return fail("takes too little of what is sent");
  if (out_sent_ < out_.size()) return write();
  writing_ = false;
  if (!next_.empty()) {
    flush();
  } else if (closing_ && held_.empty()) {
    return fail("disconnected");
  }
  if (open_ && paused_ && unsent() <= limits_.output_pause / 2) read();
}

bool Connection::check_stalled(TimePoint now) {
  if (!open_) return false;
  const bool stalled = writing_ && now - progress_ > limits_.stall;
  if (!stalled && unsent() <= limits_.output_max) return false;
  fail("takes nothing of what is sent");
  return true;
}

void Connection::close() {
  if (!open_) return;
  open_ = false;
  handler_ = nullptr;
  stream_->close();
}

void Connection::close_when_sent() {
  closing_ = true;
  deaf_ = true;
  flush();
}

void Connection::stop_reading() {
  deaf_ = true;
  if (open_ && reading_ && !writing_) stream_->cancel();
}

void Connection::fail(std::string_view why) {
  if (!open_) return;
  const auto self = shared_from_this();
  Handler* const handler = std::exchange(handler_, nullptr);
  open_ = false;
  stream_->close();
  if (handler != nullptr) handler->on_closed(why);
}

void Connection::release(std::function<void(Released)> done) {
  release_done_ = std::move(done);
  if (reading_ || writing_) stream_->cancel();
  release_if_quiet();
}

void Connection::release_if_quiet() {
  if (!open_ || reading_ || writing_ || !release_done_) return;
  Released released;
  released.unread.assign(in_.begin(), in_.begin() + std::ptrdiff_t(in_end_));
  if (out_sent_ < out_.size()) {
    released.unsent.assign(out_.begin() + std::ptrdiff_t(out_sent_), out_.end());
  }
  released.unsent.insert(released.unsent.end(), next_.begin(), next_.end());
  released.descriptor = stream_->release();
  if (released.descriptor < 0) stream_->close();
  open_ = false;
  handler_ = nullptr;
  const auto done = std::exchange(release_done_, nullptr);
  done(std::move(released));
}

}  // namespace dayaq::edge::diameter
