#include "edge/resource_list.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "base/log.hpp"
#include "edge/centre_access.hpp"
#include "http/client.hpp"

namespace dayaq::edge {
namespace {

constexpr std::size_t note_bytes_max = 8u << 20;

}  // namespace

Result<std::unique_ptr<ResourceList>> ResourceList::open(ResourceListOptions options, Random& random,
                                                         const Clock& clock) {
  std::unique_ptr<ResourceList> out(new ResourceList(std::move(options), random, clock));
  const ResourceListOptions& o = out->options_;
  DAYAQ_TRY(auto client, http::Client::create(o.url, {.connect_timeout = o.connect_timeout,
                                                      .answer_timeout = o.answer_timeout,
                                                      .body_max = note_bytes_max,
                                                      .tls_authority = o.tls_authority,
                                                      .bearer_token = o.token,
                                                      .cancel_fd = out->cancel_}));
  out->client_ = std::make_unique<CentreClient>(std::move(client), o.access);
  out->read_file();
  return out;
}

ResourceList::ResourceList(ResourceListOptions options, Random& random, const Clock& clock)
    : options_(std::move(options)),
      random_(random),
      clock_(clock),
      cancel_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

ResourceList::~ResourceList() {
  stop();
  if (cancel_ >= 0) ::close(cancel_);
}

void ResourceList::read_file() {
  std::error_code error;
  if (!std::filesystem::exists(options_.file, error)) return;
  auto note = dayaq::read_file(options_.file, note_bytes_max);
  auto list = note ? feed::decode_resources(*note, options_.centre_keys)
                   : Result<feed::Resources>(std::unexpected(note.error()));
  if (!list) {
    log::error("resources.kept", "the list of zero-rated resources on disk can't be used; it comes again",
               list.error());
    return;
  }
  note_ = std::move(*note);
  state_.version = list->version;
  list_ = std::move(*list);
}

void ResourceList::start(std::function<void(const feed::Resources&)> use) {
  use_ = std::move(use);
  thread_ = std::thread([this] { run(); });
}

void ResourceList::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  const std::uint64_t one = 1;
  if (cancel_ >= 0 && ::write(cancel_, &one, sizeof one) < 0) {
    // It was written before: it is readable.
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ResourceList::trust(std::vector<crypto::PublicKey> centre_keys) {
  const std::lock_guard guard(mutex_);
  options_.centre_keys = std::move(centre_keys);
  wake_.notify_all();
}

feed::Resources ResourceList::list() const {
  const std::lock_guard guard(mutex_);
  return list_;
}

ResourceList::State ResourceList::state() const {
  const std::lock_guard guard(mutex_);
  return state_;
}

void ResourceList::run() {
  std::chrono::milliseconds pause = options_.retry_first;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const bool well = ask();
    lock.lock();
    pause = well ? options_.every : std::min(pause * 2, options_.every);
    // Between half of it and all, so that the edges of a country don't ask together.
    const auto half = std::uint64_t(pause.count() / 2);
    const auto length = pause - std::chrono::milliseconds(half == 0 ? 0 : random_.next_id() % (half + 1));
    if (well) pause = options_.retry_first;
    wake_.wait_for(lock, length, [&] { return stopping_; });
  }
}

bool ResourceList::ask() {
  http::Client::Headers headers;
  if (!etag_.empty()) headers.emplace_back("If-None-Match", etag_);
  const auto answer = client_->get("/v1/feed/resources", headers);
  if (!answer) return trouble(answer.error().code);
  if (answer->status == 200) {
    if (!take(answer->body, answer->header("ETag"))) return false;
  } else if (answer->status != 304) {
    if (std::exchange(said_, "resources.status") != "resources.status") {
      log::warning("resources.none", "the centre gives no list of zero-rated resources; it is asked again",
                   {{"status", answer->status}});
    }
    return trouble("resources.status");
  }
  said_.clear();
  const std::lock_guard guard(mutex_);
  state_.last_heard = clock_.now();
  state_.trouble.clear();
  return true;
}

/// What came, if it is newer or the same again.
bool ResourceList::take(const std::string& note, std::string_view etag) {
  std::vector<crypto::PublicKey> keys;
  {
    const std::lock_guard guard(mutex_);
    keys = options_.centre_keys;
  }
  auto list = feed::decode_resources(note, keys);
  if (!list) return refuse(list.error());
  const feed::Resources known = this->list();
  if (list->version < known.version || (list->version == known.version && *list != known)) {
    const bool older = list->version < known.version;
    return refuse({.kind = ErrorKind::conflict,
                   .code = older ? "resources.older" : "resources.other",
                   .public_text = older
                                      ? "The centre gives an older list of resources than the one in use."
                                      : "The centre gives another list of resources under the same version.",
                   .detail = fmt::format("{} after {}", list->version, known.version),
                   .field = {}});
  }
  bool kept = true;
  if (note != note_) {
    if (const auto written = write_file_atomically(options_.file, as_bytes(note)); !written) {
      if (std::exchange(said_, "resources.disk") != "resources.disk") {
        log::error("resources.disk", "the list of zero-rated resources can't be kept on disk; it is in use",
                   written.error());
      }
      kept = trouble(written.error().code);
    } else {
      note_ = note;
    }
  }
  if (kept) etag_ = std::string(etag);
  if (list->version > known.version) {
    log::info("resources.in_use", "a new list of zero-rated resources is in use",
              {{"version", list->version}, {"before", known.version}});
    {
      const std::lock_guard guard(mutex_);
      list_ = *list;
      state_.version = list->version;
    }
    if (use_) use_(*list);
  }
  return kept;
}

bool ResourceList::refuse(const Error& error) {
  if (std::exchange(said_, std::string(error.code)) != error.code) {
    log::error("resources.refused",
               "a list of zero-rated resources was refused; what was in use stays in use", error);
  }
  {
    const std::lock_guard guard(mutex_);
    ++state_.refused;
  }
  return trouble(error.code);
}

bool ResourceList::trouble(std::string_view code) {
  const std::lock_guard guard(mutex_);
  state_.trouble = std::string(code);
  return false;
}

}  // namespace dayaq::edge
