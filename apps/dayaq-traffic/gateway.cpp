#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "edge/diameter/message.hpp"
#include "network.hpp"

namespace dayaq::traffic {
namespace {

using namespace edge::diameter;

constexpr std::string_view own_host = "pgw.demo.example", own_realm = "demo.example";
constexpr std::uint32_t capabilities_exchange = 257, re_auth = 258, watchdog = 280, disconnect = 282;
constexpr std::uint32_t credit_control = 272, credit_control_application = 4;

void identify(Writer& out) {
  out.text(264, own_host);
  out.text(296, own_realm);
}

Bytes capabilities() {
  Bytes bytes;
  Writer out(bytes);
  out.begin(
      {.flags = Header::request_bit, .command = capabilities_exchange, .hop_by_hop = 1, .end_to_end = 1});
  identify(out);
  const std::array<std::byte, 6> address{std::byte(0), std::byte(1), std::byte(127),
                                         std::byte(0), std::byte(0), std::byte(1)};
  out.bytes(257, address);
  out.u32(266, 0);
  out.text(269, "dayaq-traffic", 0, false);
  out.u32(258, credit_control_application);
  out.end();
  return bytes;
}

bool send_all(int fd, BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes = bytes.subspan(std::size_t(n));
  }
  return true;
}

}  // namespace

Result<Gateway> Gateway::connect(const std::string& host, std::uint16_t port, const std::string& realm) {
  const auto failed = [&] {
    return fail(ErrorKind::unavailable, "traffic.connect", "The edge's Diameter port can't be reached.");
  };
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return failed();
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed();
  Gateway gateway(fd, realm);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed();
  if (!send_all(fd, capabilities())) return failed();
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  if (::poll(&one, 1, 5000) <= 0 || !gateway.read_some()) return failed();
  return gateway;
}

Gateway::Gateway(Gateway&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      realm_(std::move(other.realm_)),
      out_(std::move(other.out_)),
      in_(std::move(other.in_)),
      hop_(other.hop_) {}

Gateway::~Gateway() {
  if (fd_ >= 0) ::close(fd_);
}

void Gateway::report(Session& session, Step step, std::uint64_t used) {
  Writer out(out_);
  ++hop_;
  out.begin({.flags = Header::request_bit | Header::proxiable_bit,
             .command = credit_control,
             .application = credit_control_application,
             .hop_by_hop = hop_,
             .end_to_end = hop_});
  out.text(263, session.id);
  identify(out);
  out.text(283, realm_);
  out.u32(258, credit_control_application);
  out.text(461, session.context);
  out.u32(416, std::uint32_t(step));
  out.u32(415, session.number++);
  const std::size_t subscription = out.group_begin(443);
  out.u32(450, 0);  // END_USER_E164
  out.text(444, session.msisdn);
  out.group_end(subscription);
  out.u32(455, 1);  // MULTIPLE_SERVICES_SUPPORTED
  const std::size_t services = out.group_begin(456);
  if (step != Step::terminate) out.group_end(out.group_begin(437));
  if (step != Step::initial) {
    const std::size_t units = out.group_begin(446);
    if (session.octets) {
      out.u64(421, used);
    } else {
      out.u32(420, std::uint32_t(used));
    }
    out.group_end(units);
  }
  if (session.rating_group != 0) out.u32(432, session.rating_group);
  out.group_end(services);
  out.end();
}

bool Gateway::exchange() {
  if (!out_.empty() && !send_all(fd_, out_)) return false;
  out_.clear();
  pollfd one{.fd = fd_, .events = POLLIN, .revents = 0};
  while (::poll(&one, 1, 0) > 0) {
    if (!read_some()) return false;
  }
  return true;
}

bool Gateway::read_some() {
  std::array<std::byte, 64 << 10> buffer;
  const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (n <= 0) return false;
  in_.insert(in_.end(), buffer.begin(), buffer.begin() + n);
  std::size_t at = 0;
  while (in_.size() - at >= header_bytes) {
    const BytesView rest = BytesView(in_).subspan(at);
    const auto header = parse_header(rest.first(header_bytes));
    if (!header) return false;
    if (rest.size() < header->length) break;
    if (header->request()) answer(rest.first(header->length));
    at += header->length;
  }
  in_.erase(in_.begin(), in_.begin() + std::ptrdiff_t(at));
  return true;
}

void Gateway::answer(BytesView request) {
  const auto header = parse_header(request.first(header_bytes));
  Header back = *header;
  back.flags = std::uint8_t(back.flags & ~Header::request_bit);
  if (header->command != watchdog && header->command != re_auth && header->command != disconnect) return;
  Writer out(out_);
  out.begin(back);
  if (const auto session = find_avp(request.subspan(header_bytes), 263)) out.text(263, session->text());
  out.u32(268, header->command == re_auth ? 2002 : 2001);
  identify(out);
  out.end();
}

}  // namespace dayaq::traffic
