#include "edge/leases.hpp"

#include <algorithm>

namespace dayaq::edge {

std::uint64_t Lease::window_after(std::uint32_t n) const {
  if (n > number) {
    const std::uint32_t by = n - number;
    return by > 64 ? 0 : ((by == 64 ? 0 : earlier << by) | std::uint64_t(1) << (by - 1));
  }
  return n < number && number - n <= 64 ? earlier | std::uint64_t(1) << (number - n - 1) : earlier;
}

void Lease::mark(std::uint32_t n) {
  earlier = window_after(n);
  number = std::max(number, n);
}

Lease* LeaseTable::find(const LeaseId& id) const {
  if (index_.empty()) return nullptr;
  for (std::size_t at = home(id); index_[at] != none; at = (at + 1) & (index_.size() - 1)) {
    Lease& lease = slot(index_[at]);
    if (lease.id == id) return &lease;
  }
  return nullptr;
}

void LeaseTable::prefetch(const LeaseId& id) const {
  if (index_.empty()) return;
  const std::uint32_t index = index_[home(id)];
  if (index == none) return;
  const auto* lease = reinterpret_cast<const char*>(&slot(index));
  for (std::size_t at = 0; at < sizeof(Lease); at += 64) __builtin_prefetch(lease + at);
}

Lease& LeaseTable::at(const LeaseId& id, bool& made) {
  made = false;
  if (Lease* lease = find(id)) return *lease;
  made = true;
  if ((count_ + 1) * 2 > index_.size()) grow();
  if (free_.empty()) {
    pages_.push_back(std::make_unique<Lease[]>(page));
    for (std::uint32_t i = page; i-- > 0;) free_.push_back(std::uint32_t((pages_.size() - 1) * page + i));
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  std::size_t at = home(id);
  while (index_[at] != none) at = (at + 1) & (index_.size() - 1);
  index_[at] = index;
  ++count_;
  Lease& lease = slot(index);
  lease.id = id;
  return lease;
}

void LeaseTable::grow() {
  std::vector<std::uint32_t> old = std::move(index_);
  index_.assign(old.empty() ? 1024 : old.size() * 2, none);
  for (const std::uint32_t index : old) {
    if (index == none) continue;
    std::size_t at = home(slot(index).id);
    while (index_[at] != none) at = (at + 1) & (index_.size() - 1);
    index_[at] = index;
  }
}

void LeaseTable::erase(Lease& lease) {
  std::size_t hole = home(lease.id);
  while (&slot(index_[hole]) != &lease) hole = (hole + 1) & (index_.size() - 1);
  free_.push_back(index_[hole]);
  lease = Lease{};
  --count_;
  // What stands behind the hole moves up, unless it would come before its home.
  const std::size_t mask = index_.size() - 1;
  for (std::size_t at = (hole + 1) & mask; index_[at] != none; at = (at + 1) & mask) {
    const std::size_t wanted = home(slot(index_[at]).id);
    if (((at - wanted) & mask) >= ((at - hole) & mask)) {
      index_[hole] = index_[at];
      hole = at;
    }
  }
  index_[hole] = none;
}

void LeaseTable::watch(Lease& lease) {
  const std::int64_t second = lease.deadline / 1'000'000 + 1;
  if (lease.timer != 0 && lease.timer <= second) return;  // it will look again, and find the later deadline
  lease.timer = second;
  timers_[second].push_back(lease.id);
}

}  // namespace dayaq::edge
