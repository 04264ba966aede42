// How bytes come and go: streams (TCP, TLS over TCP) and, over a stream, connections that carry Diameter
// messages. Everything here runs on the node's one thread.
//
// SCTP would be another Stream: a read gives the bytes of one message then, and nothing else here changes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace dayaq::edge::diameter {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;

/// A stream of bytes to one peer. At most one read and one write are under way at a time; what their
/// handlers need must be kept alive by the handlers.
class Stream {
 public:
  using Done = std::function<void(error_code, std::size_t)>;
  virtual ~Stream() = default;
  /// Before the first read: TLS's handshake; nothing for TCP.
  virtual void handshake(std::function<void(error_code)> done) = 0;
  virtual void read_some(std::span<std::byte> into, Done done) = 0;
  virtual void write_some(BytesView bytes, Done done) = 0;
  virtual void close() = 0;
  /// Whether the certificate that the peer showed is `name`'s (a DNS name of it, or one that a wildcard of it
  /// covers; RFC 6733 section 13, RFC 6125). True where no certificate was asked for.
  [[nodiscard]] virtual bool certified_as(const std::string& /*name*/) { return true; }
  /// What is under way ends with an error at once; the stream stays open. For release().
  virtual void cancel() = 0;
  /// The descriptor, no longer this stream's, for another process; -1 if the stream's state can't be passed
  /// on (TLS). Nothing may be under way.
  virtual int release() = 0;
};

[[nodiscard]] std::unique_ptr<Stream> tcp_stream(tcp::socket socket);
[[nodiscard]] std::unique_ptr<Stream> tls_stream(tcp::socket socket, asio::ssl::context& context,
                                                 bool server);

/// Bounds of one connection.
struct ConnectionLimits {
  std::size_t output_pause = 1u << 20;  ///< unsent bytes beyond which nothing more is read from the peer
  std::size_t output_max = 64u << 20;   ///< ... and beyond which it is closed
  std::chrono::seconds stall{10};       ///< ... or if it takes nothing for so long
};

/// Messages over a stream: input is cut by the header's length (a read may hold many messages and half
/// ones), output is coalesced: what was given while a write is under way goes out with the next.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Handler {
    virtual ~Handler() = default;
    virtual void on_ready() = 0;  ///< TCP and TLS stand; messages may be sent
    /// Whole messages, one after another, each with a plausible header.
    virtual void on_messages(BytesView messages) = 0;
    /// The next 20 bytes can't be a message; nothing more will be read. `header` is what came.
    virtual void on_malformed(BytesView header) = 0;
    virtual void on_closed(std::string_view why) = 0;  ///< once; not after close() by the handler itself
  };

  Connection(std::unique_ptr<Stream> stream, const ConnectionLimits& limits);
  /// `handler` must live until on_closed() or close(). `unread`: bytes that were read from the peer before.
  void start(Handler* handler, Bytes unread = {});

  /// Puts a message behind what waits to be sent; flush() sends.
  void send(BytesView message);
  /// The same, but held back until release_durable() has reached `sequence`.
  void send_after(BytesView message, std::uint64_t sequence);
  /// Lets go what waited for a sequence up to `durable`. Returns how many messages that were.
  std::size_t release_durable(std::uint64_t durable);
  void flush();
  void close();
  void close_when_sent();
  /// Reads nothing more; what was read is still answered.
  void stop_reading();
  /// Called now and then: closes a connection whose peer takes nothing. True if it did.
  bool check_stalled(TimePoint now);

  [[nodiscard]] std::size_t unsent() const { return out_.size() - out_sent_ + next_.size(); }
  [[nodiscard]] std::size_t held() const { return held_messages_; }  ///< messages waiting for the disk
  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] bool certified_as(const std::string& name) const { return stream_->certified_as(name); }

  /// For another process: the descriptor and the bytes that came or wait to go. Nothing is read after
  /// this. `done` gets a descriptor of -1 if the stream can't be passed on (it is closed then).
  struct Released {
    int descriptor = -1;
    Bytes unread, unsent;
  };
  void release(std::function<void(Released)> done);

 private:
  void read();
  void on_read(std::size_t count);
  bool deliver();
  void write();
  void on_written(error_code error, std::size_t count);
  void fail(std::string_view why);
  void release_if_quiet();

  std::unique_ptr<Stream> stream_;
  const ConnectionLimits limits_;
  Handler* handler_ = nullptr;
  bool open_ = false, reading_ = false, writing_ = false, paused_ = false, deaf_ = false, closing_ = false;
  Bytes in_;
  std::size_t in_end_ = 0;    ///< bytes [0, in_end_) are what came and isn't delivered
  Bytes out_, next_;          ///< being written, and what goes next
  std::size_t out_sent_ = 0;  ///< of out_
  TimePoint progress_{};      ///< when the peer last took something
  Bytes held_;                ///< answers that wait for the disk, one after another
  struct Mark {
    std::uint64_t sequence = 0;
    std::size_t end = 0;  ///< in held_, counted from held_base_
    std::size_t messages = 0;
  };
  std::deque<Mark> marks_;
  std::size_t held_base_ = 0, held_messages_ = 0;
  std::function<void(Released)> release_done_;
};

}  // namespace dayaq::edge::diameter
