#include "edge/web/durable_answers.hpp"

#include <vector>

namespace dayaq::edge::web {

void DurableAnswers::send(std::uint64_t sequence, http::Responder responder, http::Response response) {
  if (sequence <= journal_.durable()) return responder(std::move(response));
  {
    const std::scoped_lock lock(mutex_);
    waiting_.emplace(sequence, Waiting{std::move(responder), std::move(response)});
  }
  // The group may have reached the disk between the look above and the lock.
  if (sequence <= journal_.durable() || journal_.health() != Journal::Health::ok) wake();
}

void DurableAnswers::wake() {
  std::vector<Waiting> ready, refused;
  {
    const std::scoped_lock lock(mutex_);
    const auto durable = waiting_.upper_bound(journal_.durable());
    const bool failed = journal_.health() != Journal::Health::ok;
    for (auto at = waiting_.begin(); at != durable; ++at) ready.push_back(std::move(at->second));
    if (failed) {
      auto& rest = when_disk_full_ == WhenDiskFull::grant ? ready : refused;
      for (auto at = durable; at != waiting_.end(); ++at) rest.push_back(std::move(at->second));
    }
    waiting_.erase(waiting_.begin(), failed ? waiting_.end() : durable);
  }
  for (Waiting& one : ready) one.responder(std::move(one.response));
  for (Waiting& one : refused) {
    one.responder(
        http::problem(Error{.kind = ErrorKind::unavailable,
                            .code = "edge.disk",
                            .public_text = "Usage can't be put on disk now. Try the same request again.",
                            .detail = {},
                            .field = {}}));
  }
}

std::size_t DurableAnswers::waiting() const {
  const std::scoped_lock lock(mutex_);
  return waiting_.size();
}

}  // namespace dayaq::edge::web
