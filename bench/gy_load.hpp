// A network's side of Gy for load: Credit-Control-Requests from templates patched in place, many sessions
// over a few connections, answers matched by hop-by-hop. With a codec of its own, so that it judges the
// edge's.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dayaq::bench::gy {

using Clock = std::chrono::steady_clock;

inline void put32(std::uint8_t* at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = std::uint8_t(value >> (24 - 8 * i));
}
inline std::uint32_t get32(const std::uint8_t* at) {
  return std::uint32_t(at[0]) << 24 | std::uint32_t(at[1]) << 16 | std::uint32_t(at[2]) << 8 | at[3];
}

/// Appends AVPs; groups are closed in the order they were opened.
class Builder {
 public:
  Builder(std::uint8_t flags, std::uint32_t command, std::uint32_t application) {
    bytes.assign(20, 0);
    bytes[0] = 1;
    put32(&bytes[4], command);
    bytes[4] = flags;
    put32(&bytes[8], application);
  }
  /// Where the data begins.
  std::size_t avp(std::uint32_t code, const void* data, std::size_t size, std::uint32_t vendor = 0,
                  bool mandatory = true) {
    const std::size_t head = open(code, vendor, mandatory);
    const std::size_t at = bytes.size();
    const auto* from = static_cast<const std::uint8_t*>(data);
    bytes.insert(bytes.end(), from, from + size);
    close(head);
    return at;
  }
  std::size_t text(std::uint32_t code, std::string_view value, bool mandatory = true) {
    return avp(code, value.data(), value.size(), 0, mandatory);
  }
  std::size_t u32(std::uint32_t code, std::uint32_t value, std::uint32_t vendor = 0) {
    std::array<std::uint8_t, 4> data{};
    put32(data.data(), value);
    return avp(code, data.data(), 4, vendor);
  }
  std::size_t u64(std::uint32_t code, std::uint64_t value) {
    std::array<std::uint8_t, 8> data{};
    put32(data.data(), std::uint32_t(value >> 32));
    put32(&data[4], std::uint32_t(value));
    return avp(code, data.data(), 8);
  }
  std::size_t open(std::uint32_t code, std::uint32_t vendor = 0, bool mandatory = true) {
    const std::size_t at = bytes.size();
    bytes.resize(at + (vendor != 0 ? 12 : 8));
    put32(&bytes[at], code);
    bytes[at + 4] = std::uint8_t((vendor != 0 ? 0x80 : 0) | (mandatory ? 0x40 : 0));
    if (vendor != 0) put32(&bytes[at + 8], vendor);
    return at;
  }
  void close(std::size_t at) {
    const std::size_t size = bytes.size() - at;
    for (std::size_t i = 0; i < 3; ++i) bytes[at + 5 + i] = std::uint8_t(size >> (16 - 8 * i));
    while (bytes.size() % 4 != 0) bytes.push_back(0);
  }
  std::vector<std::uint8_t> finish() {
    for (std::size_t i = 0; i < 3; ++i) bytes[1 + i] = std::uint8_t(bytes.size() >> (16 - 8 * i));
    return bytes;
  }
  std::vector<std::uint8_t> bytes;
};

/// Result-Code at the top, 0 if there is none; `session`: the Session-Id.
inline std::uint32_t result_of(const std::uint8_t* message, std::size_t size, std::string_view* session) {
  std::uint32_t result = 0;
  for (std::size_t at = 20; at + 8 <= size;) {
    const std::uint32_t code = get32(message + at), length = get32(message + at + 4) & 0xffffff;
    if (length < 8 || length > size - at) break;
    if (code == 268 && length == 12) result = get32(message + at + 8);
    if (code == 263 && session != nullptr) {
      *session = {reinterpret_cast<const char*>(message + at + 8), length - 8};
    }
    if (result != 0 && (session == nullptr || !session->empty())) break;
    at += (length + 3) & ~3u;
  }
  return result;
}

enum class Kind : std::uint8_t { initial = 1, update = 2, termination = 3 };

struct Profile {
  std::string origin_host = "pgw.load.example", origin_realm = "load.example", realm = "mobile.example";
  std::string run = "1";  ///< tells the Session-Ids of runs apart
  std::string context = "32251@3gpp.org";
  std::uint32_t rating_group = 10;
  std::uint64_t used = 1000;  ///< of an update or termination, octets (voice: seconds)
  std::string prefix = "99450";
  bool voice = false;
};

/// One kind of request; patch() fills in what differs.
class Template {
 public:
  Template(const Profile& profile, Kind kind) {
    Builder b(0xC0, 272, 4);
    session_ = b.text(263, profile.origin_host + ";" + profile.run + ";0000000000");
    session_ += profile.origin_host.size() + profile.run.size() + 2;
    b.text(264, profile.origin_host);
    b.text(296, profile.origin_realm);
    b.text(283, profile.realm);
    b.u32(258, 4);
    b.text(461, profile.context);
    b.u32(416, std::uint32_t(kind));
    number_ = b.u32(415, 0);
    b.u32(55, 3'900'000'000u);
    const std::size_t subscription = b.open(443);
    b.u32(450, 0);
    msisdn_ = b.text(444, profile.prefix + "0000000") + profile.prefix.size();
    b.close(subscription);
    b.u32(455, 1);
    const std::size_t mscc = b.open(456);
    b.u32(432, profile.rating_group);
    if (kind != Kind::termination) b.close(b.open(437));
    if (kind != Kind::initial) {
      const std::size_t used = b.open(446);
      if (profile.voice) {
        b.u32(420, std::uint32_t(profile.used));
      } else {
        b.u64(421, profile.used);
      }
      b.close(used);
    }
    b.close(mscc);
    bytes_ = b.finish();
  }
  void append(std::vector<std::uint8_t>& out, std::uint32_t slot, std::uint32_t end_to_end,
              std::uint64_t session, std::uint64_t subscriber, std::uint32_t number, bool again) {
    const std::size_t at = out.size();
    out.insert(out.end(), bytes_.begin(), bytes_.end());
    std::uint8_t* const m = out.data() + at;
    if (again) m[4] |= 0x10;
    put32(m + 12, slot);
    put32(m + 16, end_to_end);
    digits(m + session_, session, 10);
    digits(m + msisdn_, subscriber, 7);
    put32(m + number_, number);
  }

 private:
  static void digits(std::uint8_t* at, std::uint64_t value, int count) {
    for (int i = count - 1; i >= 0; --i, value /= 10) at[i] = std::uint8_t('0' + value % 10);
  }
  std::vector<std::uint8_t> bytes_;
  std::size_t session_ = 0, msisdn_ = 0, number_ = 0;
};

/// Latencies to within 2 %.
class Histogram {
 public:
  void add(std::chrono::nanoseconds latency) {
    const auto value = std::uint64_t(std::max<std::int64_t>(latency.count(), 1));
    const int top = 63 - __builtin_clzll(value);
    const std::size_t bucket = top < 6 ? value : std::size_t(top - 5) * 64 + (value >> (top - 6) & 63);
    ++counts_[std::min(bucket, counts_.size() - 1)];
    ++total_;
    max_ = std::max(max_, value);
  }
  [[nodiscard]] double quantile_us(double q) const {
    std::uint64_t left = std::uint64_t(double(total_) * q);
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > left) return double(value_of(i)) / 1000;
      left -= counts_[i];
    }
    return double(max_) / 1000;
  }
  [[nodiscard]] double max_us() const { return double(max_) / 1000; }
  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  static std::uint64_t value_of(std::size_t bucket) {
    if (bucket < 64) return bucket;
    const std::size_t top = bucket / 64 + 5;
    return (std::uint64_t(64 + bucket % 64) << (top - 6)) + (std::uint64_t(1) << (top - 6)) / 2;
  }
  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(64 * 60);
  std::uint64_t total_ = 0, max_ = 0;
};

}  // namespace dayaq::bench::gy
