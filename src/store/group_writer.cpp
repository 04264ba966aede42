#include "store/group_writer.hpp"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <iterator>

#include "base/log.hpp"

namespace dayaq::store {

namespace {

/// After a group had to run twice, this many groups go straight to savepoints: failures come in clusters, and
/// a second run costs more than savepoints do.
constexpr int groups_apart_after_failure = 8;

Result<void> call(const Database::WriteFunction& fn, Session& session) {
  try {
    return fn(session);
  } catch (const std::exception& thrown) {
    return fail(ErrorKind::internal, "store.exception", "Something went wrong. Please try again later.",
                std::string("a transaction function threw: ") + thrown.what());
  }
}

}  // namespace

GroupWriter::GroupWriter(WriteEngine& engine, Limits limits)
    : engine_(engine), limits_(limits), thread_([this] { run(); }) {}

GroupWriter::~GroupWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void GroupWriter::add_hook(CommitHook& hook) {
  const std::lock_guard lock(mutex_);
  hooks_.push_back(&hook);
}

void GroupWriter::submit(Database::WriteFunction fn, Database::Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && queue_.size() < static_cast<std::size_t>(limits_.queue_max)) {
      queue_.push_back({std::move(fn), std::move(done), {}});
      if (queue_.size() == 1) arrived_.notify_one();
      return;
    }
  }
  done(fail(ErrorKind::unavailable, "store.overload", "The service is busy. Please try again in a moment.",
            "the queue of writes is full"));
}

void GroupWriter::run() {
  ::pthread_setname_np(::pthread_self(), "writer");  // whoever looks at load sees whose it is
  std::vector<Job> group;
  std::unique_lock lock(mutex_);
  for (;;) {
    wait_for_work(lock);
    if (queue_.empty() && stopping_) return;
    if (!writable() && std::chrono::steady_clock::now() >= next_probe_) {
      lock.unlock();
      probe();
      lock.lock();
    }
    if (queue_.empty()) continue;
    const auto count = std::min(queue_.size(), static_cast<std::size_t>(limits_.group_max));
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
    group.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
    lock.unlock();
    run_group(group);
    group.clear();
    engine_.between_groups();
    lock.lock();
  }
}

void GroupWriter::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto ready = [this] { return stopping_ || !queue_.empty(); };
  if (writable()) {
    arrived_.wait(lock, ready);
  } else {
    arrived_.wait_for(lock, limits_.probe_interval, ready);
  }
}

void GroupWriter::probe() {
  const auto fate = engine_.probe();
  next_probe_ = std::chrono::steady_clock::now() + limits_.probe_interval;
  if (fate && in_doubt_) {
    in_doubt_ = false;
    for (CommitHook* hook : hooks_) *fate == Fate::committed ? hook->after_commit() : hook->after_rollback();
    log::warning("store.doubt_resolved", "the outcome of an interrupted commit is known",
                 {{"committed", *fate == Fate::committed}});
  }
  set_writable(fate.has_value(), fate ? nullptr : &fate.error());
}

void GroupWriter::run_group(Jobs group) {
  while (!group.empty()) {
    const Mode first = groups_apart_ > 0 ? Mode::apart : Mode::together;
    if (groups_apart_ > 0) --groups_apart_;
    Jobs part = group;
    Verdict verdict = attempt(part, first);
    if (verdict == Verdict::again && first == Mode::together) {
      groups_apart_ = groups_apart_after_failure;
      verdict = attempt(part, Mode::apart);
    }
    for (std::size_t i = 0; verdict == Verdict::again && i < part.size(); ++i) {
      Jobs one = part.subspan(i, 1);
      (void)attempt(one, Mode::alone);
    }
    // Each attempt may have shortened the part to what its time allowed; the rest goes with the next.
    group = group.subspan(part.size());
  }
}

GroupWriter::Verdict GroupWriter::attempt(Jobs& group, Mode mode) {
  loss_.reset();
  Result<void> result = noted(engine_.begin());
  if (!result) {
    if (loss_) set_writable(false, &*loss_);
    refuse(group, result.error());
    return Verdict::answered;
  }
  result = run_functions(group, mode);
  const bool some = std::ranges::any_of(group, [](const Job& job) { return job.outcome.has_value(); });
  if (result && some) result = finish();
  if (result && some) {
    for (CommitHook* hook : hooks_) hook->after_commit();
    set_writable(true, nullptr);
    answer(group);
    return Verdict::answered;
  }
  engine_.rollback();
  in_doubt_ = engine_.in_doubt();
  if (!in_doubt_) {
    for (CommitHook* hook : hooks_) hook->after_rollback();
  }
  if (result) {
    answer(group);  // Each function failed by itself, and each has its own answer.
  } else if (loss_) {
    set_writable(false, &*loss_);
    refuse(group, *loss_);
  } else if (mode != Mode::alone) {
    return Verdict::again;
  } else {
    refuse(group, result.error());
  }
  return Verdict::answered;
}

/// Runs the functions one after another, and shortens the group to those that its time allowed. An error
/// means that the attempt is spoilt; the failure of a single function that left no trace is its outcome and
/// no error.
Result<void> GroupWriter::run_functions(Jobs& group, Mode mode) {
  const auto deadline = std::chrono::steady_clock::now() + limits_.group_time_max;
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (i > 0 && std::chrono::steady_clock::now() >= deadline) {
      group = group.first(i);
      break;
    }
    DAYAQ_TRY_OK(run_function(group[i], mode));
  }
  return {};
}

Result<void> GroupWriter::run_function(Job& job, Mode mode) {
  TrackedSession& session = engine_.session();
  if (mode == Mode::apart) DAYAQ_TRY_OK(noted(engine_.savepoint()));
  session.start_function();
  for (CommitHook* hook : hooks_) hook->begin_transaction();
  job.outcome = call(job.fn, session);
  Result<void> sound;
  if (mode == Mode::apart && job.outcome && !session.failure()) sound = engine_.release();
  if (session.failure()) sound = std::unexpected(*session.failure());
  DAYAQ_TRY_OK(if_not_lost(sound));
  if (job.outcome && sound) return {};

  // The function's own error says more than the statement's, which it has seen.
  if (job.outcome) job.outcome = sound;
  if (!sound || session.wrote()) {
    if (mode == Mode::together) return std::unexpected(job.outcome.error());
    if (mode == Mode::apart) DAYAQ_TRY_OK(noted(engine_.rollback_to_savepoint()));
  } else if (mode == Mode::apart) {
    DAYAQ_TRY_OK(noted(engine_.release()));
  }
  for (CommitHook* hook : hooks_) hook->discard_transaction();
  return {};
}

Result<void> GroupWriter::finish() {
  TrackedSession& session = engine_.session();
  session.start_function();
  for (CommitHook* hook : hooks_) {
    const Result<void> ready = hook->before_commit(session);
    if (session.failure()) return noted(std::unexpected(*session.failure()));
    if (!ready) return ready;
  }
  return noted(engine_.commit());
}

/// Passes an engine's result on, and remembers it if the engine and not a function is at fault.
Result<void> GroupWriter::noted(Result<void> result) {
  if (!result && (result.error().code == "store.full" || result.error().code == "store.unavailable")) {
    loss_ = result.error();
  }
  return result;
}

/// Like noted, but lets a function's own failure pass: that is its outcome.
Result<void> GroupWriter::if_not_lost(const Result<void>& result) {
  Result<void> known = noted(result);
  if (!loss_) return {};
  return known;
}

void GroupWriter::answer(Jobs group) {
  for (Job& job : group) job.done(std::move(job.outcome));
}

void GroupWriter::refuse(Jobs group, const Error& error) {
  for (Job& job : group) job.done(std::unexpected(error));
}

void GroupWriter::set_writable(bool writable, const Error* reason) {
  if (writable_.exchange(writable) == writable) return;
  next_probe_ = std::chrono::steady_clock::now() + limits_.probe_interval;
  if (writable) {
    log::info("store.writable", "writes are accepted again");
  } else {
    log::error("store.not_writable", "writes are refused until this is resolved", *reason);
  }
}

}  // namespace dayaq::store
