#include "edge/diameter/peer.hpp"

#include <utility>

namespace dayaq::edge::diameter {

Peer::Peer(PeerHost& host, Role role, bool tls, std::unique_ptr<Stream> stream,
           std::shared_ptr<Watchdog> watchdog, const Times& times, PeerOptions expected)
    : host_(host),
      role_(role),
      tls_(tls),
      times_(times),
      expected_(std::move(expected)),
      connection_(std::make_shared<Connection>(std::move(stream), ConnectionLimits{})),
      watchdog_(std::move(watchdog)),
      state_(role == Role::client ? State::wait_cer : State::wait_cea) {}

bool Peer::certified(const PeerOptions& as) const {
  if (as.certificate_name == "*") return true;
  return connection_->certified_as(as.certificate_name.empty() ? name() : as.certificate_name);
}

void Peer::start() {
  deadline_ = SteadyClock::now() + times_.handshake;
  connection_->start(this);
}

void Peer::resume(Identity identity, Bytes unread, BytesView unsent) {
  identity_ = std::move(identity);
  state_ = State::open;
  resumed_ = true;
  (void)watchdog_->connection_up(SteadyClock::now());
  host_.on_open(*this);
  // What the process before could not send goes out first.
  const auto connection = connection_;
  connection->start(this, std::move(unread));
  if (!unsent.empty()) connection->send(unsent);
  connection->flush();
}

void Peer::on_ready() {
  if (role_ == Role::client || resumed_) return;
  asked_hop_by_hop_ = host_.next_hop_by_hop();
  send(capabilities_request(host_.self(), asked_hop_by_hop_, host_.next_end_to_end()));
  connection_->flush();
}

void Peer::on_messages(BytesView messages) {
  last_heard_ = SteadyClock::now();
  bool alive = false;
  while (messages.size() >= header_bytes && state_ != State::closed) {
    const auto header = parse_header(messages.first(header_bytes));
    if (!header || header->length > messages.size()) break;  // the connection has checked this
    const BytesView message = messages.first(header->length);
    messages = messages.subspan(header->length);
    if (state_ == State::wait_cer || state_ == State::wait_cea) {
      on_first(*header, message);
    } else if (state_ == State::deciding) {
      continue;  // it talks before it was let in
    } else if (header->application == application::base) {
      alive = alive || header->command != command::device_watchdog || header->request();
      on_base(*header, message);
    } else {
      alive = true;
      host_.on_message(*this, *header, message);
    }
  }
  if (state_ == State::closed) return;
  if (alive) act(watchdog_->on_message(last_heard_));
  host_.on_batch_end(*this);
  connection_->flush();
}

/// The first message must say who it is.
void Peer::on_first(const Header& header, BytesView message) {
  if (header.command != command::capabilities_exchange || header.application != application::base) {
    return close("speaks before its capabilities are exchanged");
  }
  if (state_ == State::wait_cer) {
    if (!header.request()) return close("answers a capabilities exchange that nobody asked for");
    cer_ = header;
    state_ = State::deciding;
    const Capabilities capabilities = read_capabilities(message);
    identity_ = capabilities.identity;
    return host_.on_capabilities(*this, capabilities);
  }
  if (header.request() || header.hop_by_hop != asked_hop_by_hop_) return host_.on_mismatched();
  Capabilities capabilities = read_capabilities(message);
  if (capabilities.result / 1000 != 2) {
    return close("refuses the capabilities exchange with " + std::to_string(capabilities.result));
  }
  identity_ = std::move(capabilities.identity);
  if (expected_.origin_host != "*" && !same_identity(identity_.origin_host, expected_.origin_host)) {
    return close("is another than the one expected: " + identity_.origin_host);
  }
  if (!certified(expected_)) return close("has a certificate of another name");
  if (!identity_.credit_control) return close("has no application in common");
  opened();
}

void Peer::finish_capabilities(std::uint32_t result_code, BytesView failed_avp) {
  if (state_ != State::deciding) return;
  send(capabilities_answer(host_.self(), cer_, result_code, failed_avp));
  if (result_code == result::success) {
    opened();
    connection_->flush();
    return;
  }
  state_ = State::closing;
  deadline_ = SteadyClock::now() + times_.closing;
  connection_->close_when_sent();
}

void Peer::opened() {
  state_ = State::open;
  deadline_ = TimePoint::max();
  host_.on_open(*this);
  act(watchdog_->connection_up(SteadyClock::now()));
}

void Peer::on_base(const Header& header, BytesView message) {
  if (!header.request()) return on_base_answer(header);
  switch (header.command) {
    case command::device_watchdog:
      return send(base_answer(host_.self(), header, result::success));
    case command::disconnect_peer:
      told_to_leave_ = disconnect_cause_of(message).value_or(disconnect_cause::rebooting);
      send(base_answer(host_.self(), header, result::success));
      // The one who said DPR closes when it has the answer.
      state_ = State::closing;
      deadline_ = SteadyClock::now() + times_.closing;
      return;
    case command::capabilities_exchange:
      return send(refusal(host_.self(), message, result::unable_to_comply));
    default:
      return host_.on_message(*this, header, message);
  }
}

void Peer::on_base_answer(const Header& header) {
  if (header.command == command::device_watchdog && header.hop_by_hop == asked_hop_by_hop_) {
    return act(watchdog_->on_dwa(last_heard_));
  }
  if (header.command == command::disconnect_peer && state_ == State::closing && dpr_hop_by_hop_ != 0 &&
      header.hop_by_hop == dpr_hop_by_hop_) {
    return connection_->close_when_sent();
  }
  host_.on_mismatched();
}

void Peer::on_malformed(BytesView header) {
  host_.on_malformed();
  // Where the next message begins can't be known any more: say why and close. RFC 6733 section 7.1.5.
  const bool version = header.empty() || header[0] != std::byte{1};
  Bytes request(header.begin(), header.end());
  if (state_ == State::open && (request[4] & std::byte{Header::request_bit}) != std::byte{0}) {
    // The answer's own header is in order: its length is the answer's.
    request[0] = std::byte{1};
    request[1] = request[2] = std::byte{0};
    request[3] = std::byte{header_bytes};
    send(refusal(host_.self(), request,
                 version ? result::unsupported_version : result::invalid_message_length));
  }
  if (state_ != State::closing) {
    state_ = State::closing;
    deadline_ = SteadyClock::now() + times_.closing;
  }
  connection_->close_when_sent();
}

void Peer::answer(BytesView message, std::uint64_t sequence, std::uint64_t durable) {
  if (sequence <= durable) {
    connection_->send(message);
  } else {
    connection_->send_after(message, sequence);
  }
}

void Peer::act(Watchdog::Do what) {
  switch (what) {
    case Watchdog::Do::nothing:
      return;
    case Watchdog::Do::send_dwr:
      return probe();
    case Watchdog::Do::fail_over:
      return host_.on_suspect(*this);
    case Watchdog::Do::fail_back:
      return host_.on_okay(*this);
    case Watchdog::Do::close:
      return close("doesn't answer its watchdog");
  }
}

void Peer::probe() {
  if (!reachable()) return;
  asked_hop_by_hop_ = host_.next_hop_by_hop();
  send(watchdog_request(host_.self(), asked_hop_by_hop_, host_.next_end_to_end()));
  connection_->flush();
}

void Peer::disconnect(std::uint32_t cause) {
  if (state_ != State::open) return close("stopping");
  state_ = State::closing;
  deadline_ = SteadyClock::now() + times_.closing;
  dpr_hop_by_hop_ = host_.next_hop_by_hop();
  send(disconnect_request(host_.self(), cause, dpr_hop_by_hop_, host_.next_end_to_end()));
  connection_->flush();
}

void Peer::close(std::string_view why) {
  if (state_ == State::closed) return;
  connection_->close();
  on_closed(why);
}

void Peer::on_closed(std::string_view why) {
  if (std::exchange(state_, State::closed) == State::closed) return;
  watchdog_->connection_down();
  host_.on_down(*this, why);
}

void Peer::tick(TimePoint now) {
  if (state_ == State::closed || connection_->check_stalled(now)) return;
  if (now >= deadline_) {
    return close(state_ == State::closing ? "disconnected" : "doesn't say who it is in time");
  }
  if (state_ == State::open) act(watchdog_->on_timer(now));
}

std::string_view Peer::state_name() const {
  switch (state_) {
    case State::wait_cer:
    case State::deciding:
    case State::wait_cea:
      return "connecting";
    case State::open:
      return to_string(watchdog_->state());
    case State::closing:
      return "closing";
    case State::closed:
      return "closed";
  }
  return "";
}

}  // namespace dayaq::edge::diameter
