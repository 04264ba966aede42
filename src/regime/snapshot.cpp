#include "regime/snapshot.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "base/bytes.hpp"

namespace dayaq::regime {
namespace {

constexpr std::uint64_t magic = 0x3149514159414421;  // "!DAYAQI1"
constexpr std::uint64_t format = 1;
constexpr std::size_t buffer_bytes = std::size_t(4) << 20;

/// A checksum at the speed of memory: four sums in flight. It finds damage, not malice; the file is the
/// node's own.
class Sum {
 public:
  void add(const std::byte* data, std::size_t size) {
    std::size_t i = 0;
    for (; i + 32 <= size; i += 32) {
      for (std::size_t lane = 0; lane < 4; ++lane) mix(lane, word(data + i + 8 * lane, 8));
    }
    for (; i < size; i += 8) mix(0, word(data + i, std::min<std::size_t>(8, size - i)));
    mix(1, size);
  }
  [[nodiscard]] std::uint64_t value() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t lane : lanes_) sum = (std::rotl(sum, 23) ^ lane) * prime;
    return sum;
  }

 private:
  static constexpr std::uint64_t prime = 0x9e3779b97f4a7c15u;
  static std::uint64_t word(const std::byte* data, std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, data, size);
    return value;
  }
  void mix(std::size_t lane, std::uint64_t value) {
    lanes_[lane] = std::rotl(lanes_[lane] ^ value, 29) * prime;
  }
  std::array<std::uint64_t, 4> lanes_{1, 2, 3, 4};
};

/// A line as it is kept in the file: its profile is derived anew.
struct PackedLine {
  LineKey key = 0;
  Ordinal person = 0;
  OrganisationIndex provider = 0;
  SubscriptionKind kind = SubscriptionKind::mobile;
  std::uint8_t unused = 0;
};
static_assert(sizeof(PackedLine) == 16);
struct PackedDeath {
  Ordinal person;
  std::int32_t day;
};
struct PackedPeriod {
  LineKey key;
  Instant from, until;
};
struct PackedWaiting {
  KnownLine line;
  Ordinal person;
};

class Out {
 public:
  explicit Out(int fd) : fd_(fd) { buffer_.reserve(buffer_bytes); }
  void number(std::uint64_t value) { raw(&value, sizeof(value)); }
  template <class T>
  void list(std::span<T> items) {
    static_assert(std::is_trivially_copyable_v<T>);
    number(items.size());
    raw(items.data(), items.size_bytes());
  }
  template <class T>
  void list(const std::vector<T>& items) {
    list(std::span<const T>(items));
  }
  void bits(const Bits& bits) { list(bits.array().span()); }
  void raw(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    sum_.add(bytes, size);
    if (size >= buffer_bytes) {
      flush();
      put(bytes, size);
      return;
    }
    if (buffer_.size() + size > buffer_bytes) flush();
    buffer_.insert(buffer_.end(), bytes, bytes + size);
  }
  /// The checksum and all that is still in the buffer, flushed to disk. False if any write failed.
  [[nodiscard]] bool finish() {
    const std::uint64_t sum = sum_.value();
    buffer_.insert(buffer_.end(), reinterpret_cast<const std::byte*>(&sum),
                   reinterpret_cast<const std::byte*>(&sum + 1));
    flush();
    return ok_ && ::fsync(fd_) == 0;
  }

 private:
  void flush() {
    put(buffer_.data(), buffer_.size());
    buffer_.clear();
  }
  void put(const std::byte* data, std::size_t size) {
    while (ok_ && size > 0) {
      const ssize_t written = ::write(fd_, data, size);
      if (written < 0 && errno == EINTR) continue;
      ok_ = written > 0;
      if (!ok_) return;
      data += written;
      size -= std::size_t(written);
    }
  }
  int fd_;
  bool ok_ = true;
  Bytes buffer_;
  Sum sum_;
};

/// Reads what Out wrote. After the first thing that isn't there, everything reads as empty and ok() is false.
class In {
 public:
  In(int fd, std::uint64_t size) : fd_(fd), left_(size) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    raw(&value, sizeof(value));
    return value;
  }
  template <class T>
  Array<T> array() {
    Array<T> out(count(sizeof(T)));
    raw(out.data(), out.bytes());
    return out;
  }
  template <class T>
  std::vector<T> list() {
    std::vector<T> out(count(sizeof(T)));
    raw(out.data(), out.size() * sizeof(T));
    return out;
  }
  void bits(Bits& bits) { bits.array() = array<Word>(); }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool sum_fits() {
    const std::uint64_t sum = sum_.value();
    return number() == sum && ok_ && left_ == 0;
  }

 private:
  std::size_t count(std::size_t item_bytes) {
    const std::uint64_t items = number();
    if (items > left_ / item_bytes) ok_ = false;
    return ok_ ? std::size_t(items) : 0;
  }
  void raw(void* data, std::size_t size) {
    auto* bytes = static_cast<std::byte*>(data);
    if (size > left_) ok_ = false;
    if (!ok_) return;
    left_ -= size;
    for (std::size_t done = 0; done < size;) {
      const ssize_t got = ::read(fd_, bytes + done, std::min(size - done, std::size_t(1) << 30));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        ok_ = false;
        return;
      }
      done += std::size_t(got);
    }
    sum_.add(bytes, size);
  }
  int fd_;
  std::uint64_t left_;
  bool ok_ = true;
  Sum sum_;
};

struct Descriptor {
  explicit Descriptor(int f) : fd(f) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

std::unexpected<Error> damaged(const char* what) {
  return fail(ErrorKind::invalid_input, "snapshot.damaged", "The saved index is damaged; it is built anew.",
              what);
}

}  // namespace

/// Reads and writes a population's parts, in one order.
class SnapshotParts {
 public:
  static void write(Out& out, const Population& p);
  static bool read(In& in, Population& p);

 private:
  static void write_maps(Out& out, const Population& p);
  static void read_maps(In& in, Population& p);
  static bool consistent(const Population& p);
};

void SnapshotParts::write(Out& out, const Population& p) {
  for (const std::uint64_t number : {std::uint64_t(to_micros(p.as_of_)), std::uint64_t(p.persons_),
                                     std::uint64_t(p.sorted_end_), std::uint64_t(p.end_)}) {
    out.number(number);
  }
  out.list(p.ids_.span());
  out.list(p.births_.span());
  out.list(p.ranges_);
  out.list(p.range_of_word_.span());
  out.list(p.tail_places_.span());
  out.list(p.by_id_.span());
  for (const Bits* bits : {&p.alive_, &p.changed_, &p.timed_}) out.bits(*bits);
  for (const Bits& bits : p.has_line_) out.bits(bits);
  out.number(p.statuses_.size());
  for (const Bits& bits : p.statuses_) out.bits(bits);
  out.number(p.layers_.size());
  for (const LineLayer& layer : p.layers_) {
    out.number(std::uint64_t(layer.kind));
    out.number(layer.provider);
    out.number(layer.digits.size());
    for (const Bits& bits : layer.digits) out.bits(bits);
  }
  out.list(p.fact_index_.span());
  out.list(p.facts_.span());
  out.list(p.key_index_.span());
  out.list(p.keys_.span());
  out.list(p.key_persons_.span());
  write_maps(out, p);
}

void SnapshotParts::write_maps(Out& out, const Population& p) {
  std::vector<PackedDeath> deaths;
  for (const auto& [person, day] : p.deaths_)
    deaths.push_back({person, std::int32_t(day.time_since_epoch().count())});
  out.list(deaths);
  out.number(p.changes_.size());
  for (const auto& [person, change] : p.changes_) {
    out.number(person);
    out.list(change.facts);
    out.list(change.keys);
  }
  std::vector<PackedPeriod> periods;
  for (const auto& [key, period] : p.line_periods_) periods.push_back({key, period.from, period.until});
  out.list(periods);
  std::vector<PackedWaiting> waiting;
  for (const auto& [person, line] : p.waiting_) waiting.push_back({line, person});
  out.list(waiting);
  Array<PackedLine> packed(p.lines_.size());
  std::size_t next = 0;
  for (const Line& line : p.lines_.slots()) {
    if (line.key == 0) continue;
    packed[next++] = {
        .key = line.key, .person = line.person, .provider = line.provider, .kind = line.kind, .unused = 0};
  }
  out.list(packed.span());
}

bool SnapshotParts::read(In& in, Population& p) {
  p.as_of_ = from_micros(std::int64_t(in.number()));
  p.persons_ = in.number();
  p.sorted_end_ = Ordinal(in.number());
  p.end_ = Ordinal(in.number());
  p.ids_ = in.array<std::uint64_t>();
  p.births_ = in.array<std::int32_t>();
  p.ranges_ = in.list<PlaceRange>();
  p.range_of_word_ = in.array<std::uint16_t>();
  p.tail_places_ = in.array<PlaceIndex>();
  p.by_id_ = in.array<Ordinal>();
  for (Bits* bits : {&p.alive_, &p.changed_, &p.timed_}) in.bits(*bits);
  for (Bits& bits : p.has_line_) in.bits(bits);
  if (in.number() != p.statuses_.size()) return false;
  for (Bits& bits : p.statuses_) in.bits(bits);
  const std::uint64_t layers = in.number();
  for (std::uint64_t l = 0; l < layers && in.ok(); ++l) {
    LineLayer& layer = p.layers_.emplace_back();
    layer.kind = SubscriptionKind(in.number());
    layer.provider = OrganisationIndex(in.number());
    const std::uint64_t digits = in.number();
    for (std::uint64_t k = 0; k < digits && in.ok(); ++k) in.bits(layer.digits.emplace_back());
  }
  p.fact_index_ = in.array<std::uint32_t>();
  p.facts_ = in.array<Fact>();
  p.key_index_ = in.array<std::uint32_t>();
  p.keys_ = in.array<LineKey>();
  p.key_persons_ = in.array<std::uint8_t>();
  read_maps(in, p);
  return in.ok() && consistent(p);
}

void SnapshotParts::read_maps(In& in, Population& p) {
  for (const PackedDeath& death : in.list<PackedDeath>())
    p.deaths_[death.person] = Date(std::chrono::days(death.day));
  const std::uint64_t changes = in.number();
  for (std::uint64_t i = 0; i < changes && in.ok(); ++i) {
    const auto person = Ordinal(in.number());
    Population::Change& change = p.changes_[person];
    change.facts = in.list<Fact>();
    change.keys = in.list<LineKey>();
  }
  for (const PackedPeriod& period : in.list<PackedPeriod>()) {
    p.line_periods_[period.key] = {.from = period.from, .until = period.until};
  }
  for (const PackedWaiting& waiting : in.list<PackedWaiting>())
    p.waiting_.emplace(waiting.person, waiting.line);
  const Array<PackedLine> packed = in.array<PackedLine>();
  p.lines_ = Lines(packed.size());
  // The file has them in the table's order, so that this walks through memory.
  for (const PackedLine& line : packed.span()) {
    if (line.key == 0 || p.lines_.find(line.key) != nullptr) continue;
    p.lines_.insert({.key = line.key, .person = line.person, .provider = line.provider, .kind = line.kind});
  }
}

bool SnapshotParts::consistent(const Population& p) {
  // The checksum has found damage; this finds a program that wrote another layout under the same number.
  const std::size_t capacity = p.ids_.size();
  const std::size_t words = capacity / word_bits;
  return p.births_.size() == capacity && p.sorted_end_ <= p.end_ && p.end_ <= capacity &&
         p.by_id_.size() > p.persons_ && p.tail_places_.size() == capacity - p.sorted_end_ &&
         p.range_of_word_.size() == p.sorted_end_ / word_bits && p.alive_.words() == words &&
         p.fact_index_.size() == words + 1 && p.key_index_.size() == words + 1 &&
         p.fact_index_[words] == p.facts_.size() && p.key_index_[words] == p.keys_.size() &&
         p.keys_.size() == p.key_persons_.size();
}

Result<void> SnapshotFile::save(const std::filesystem::path& path, const Population& population,
                                const SnapshotState& state, const SnapshotFit& fit) {
  const std::filesystem::path beside = path.string() + ".new";
  const auto failed = [&](const char* what) {
    return fail(ErrorKind::unavailable, "file.write", "The index could not be saved; is the disk full?",
                std::string(what) + " " + beside.string() + ": " + std::strerror(errno));
  };
  {
    const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.fd < 0) return failed("open");
    Out out(file.fd);
    for (const std::uint64_t number :
         {magic, format, std::uint64_t(sizeof(Fact)), std::uint64_t(sizeof(PlaceRange)), fit.catalogue,
          fit.feed_keys, state.audit_size, std::uint64_t(to_micros(state.as_of))}) {
      out.number(number);
    }
    SnapshotParts::write(out, population);
    if (!out.finish()) {
      ::unlink(beside.c_str());
      return failed("write");
    }
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return failed("rename");
  return {};
}

Result<SavedPopulation> SnapshotFile::load(const std::filesystem::path& path,
                                           std::shared_ptr<const DayStarts> days,
                                           std::vector<PlaceIndex> districts, std::size_t statuses,
                                           const SnapshotFit& fit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0)
    return fail(ErrorKind::not_found, "snapshot.missing", "There is no saved index yet.", path.string());
  ::posix_fadvise(file.fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  const off_t size = ::lseek(file.fd, 0, SEEK_END);
  ::lseek(file.fd, 0, SEEK_SET);
  In in(file.fd, size < 0 ? 0 : std::uint64_t(size));
  std::array<std::uint64_t, 8> head{};
  for (std::uint64_t& number : head) number = in.number();
  if (!in.ok()) return damaged("the head is cut off");
  if (head[0] != magic || head[1] != format || head[2] != sizeof(Fact) || head[3] != sizeof(PlaceRange) ||
      head[4] != fit.catalogue || head[5] != fit.feed_keys) {
    return fail(ErrorKind::conflict, "snapshot.other",
                "The saved index was made by another version or for another country pack; it is built anew.");
  }
  SavedPopulation saved{
      .state = {.audit_size = head[6], .as_of = from_micros(std::int64_t(head[7]))},
      .population = Population(std::move(days), std::move(districts), statuses, Instant(), 0)};
  if (!SnapshotParts::read(in, saved.population)) return damaged("a part is cut off or doesn't fit");
  if (!in.sum_fits()) return damaged("the checksum doesn't fit");
  return saved;
}

}  // namespace dayaq::regime
