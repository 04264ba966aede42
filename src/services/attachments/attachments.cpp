#include "services/attachments/attachments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "services/attachments/attachments_state.hpp"
#include "services_attachments_schema_sql.hpp"

namespace dayaq::services::attachments {
namespace {

using registry::bucket_of;
using store::Row;

std::unexpected<Error> wrong_type() {
  return fail_field("attachment.type", "file",
                    "This file isn't of a kind that is asked for, whatever its name says.");
}
std::unexpected<Error> wrong_size(std::uint64_t bytes_max) {
  return fail_field("attachment.size", "file",
                    fmt::format("The file must have {} bytes at most, and not be empty.", bytes_max));
}
std::unexpected<Error> infected() {
  return fail(ErrorKind::forbidden, "attachment.infected",
              "The scanner found malware in this file. It wasn't kept.");
}

/// How many more files the person may send.
Result<void> check_room(store::Session& session, PersonId person) {
  DAYAQ_TRY(const auto loose,
            session.one("SELECT COUNT(*) FROM attachment_open WHERE bucket = $1 AND person_id = $2",
                        {bucket_of(person), key(person)}, [](const Row& row) { return row.integer(0); }));
  if (loose.value_or(0) < Attachments::loose_max) return {};
  return fail(ErrorKind::limit, "attachment.limit",
              "Many files were attached today already. Send the application, or go on tomorrow.");
}

Result<void> insert(store::Session& session, const Attachment& one) {
  DAYAQ_TRY_OK(check_room(session, one.person));
  DAYAQ_TRY_OK(session.exec(
      "INSERT INTO attachment (bucket, person_id, attachment_id, name, kind, size, sha256, scan, at) VALUES "
      "($1, $2, $3, $4, $5, $6, $7, $8, $9)",
      {bucket_of(one.person), key(one.person), key(one.id), one.name, std::int64_t(one.kind),
       static_cast<std::int64_t>(one.bytes), one.sha256, std::int64_t(one.scan), to_micros(one.at)}));
  const bool waits = one.scan == Scan::waiting;
  return session.exec(
      "INSERT INTO attachment_open (bucket, person_id, attachment_id, at, waiting) VALUES ($1, $2, $3, $4, "
      "$5)",
      {bucket_of(one.person), key(one.person), key(one.id), to_micros(waits ? one.at : one.at + loose_for),
       std::int64_t(waits ? 1 : 0)});
}

}  // namespace

std::span<const store::Migration> migrations() {
  static constexpr store::Migration all[] = {{"services_attachments", 1, schema_sql}};
  return all;
}

Result<std::optional<Attachment>> attachment_of(store::Session& session, PersonId person, AttachmentId id) {
  return session.one(
      "SELECT name, kind, size, sha256, scan, at FROM attachment WHERE bucket = $1 AND person_id = $2 AND "
      "attachment_id = $3",
      {bucket_of(person), key(person), key(id)}, [&](const Row& row) {
        return Attachment{.id = id,
                          .person = person,
                          .name = std::string(row.text(0)),
                          .kind = static_cast<Kind>(row.integer(1)),
                          .bytes = static_cast<std::uint64_t>(row.integer(2)),
                          .sha256 = std::string(row.text(3)),
                          .scan = static_cast<Scan>(row.integer(4)),
                          .at = from_micros(row.integer(5))};
      });
}

// --- one upload

namespace {

/// What is needed of the State, which is Attachments' own.
struct Below {
  store::Database& db;
  Scanner* scanner;
  Random& random;
  const Clock& clock;
  const Result<ContentFolder>& folder;
  std::shared_mutex& rows_and_files;
  const Adopt& adopt;
};

class RunningUpload final : public Attachments::Upload {
 public:
  RunningUpload(const Below& below, PersonId person, std::string name, const Allowed& allowed)
      : below_(below),
        person_(person),
        name_(std::move(name)),
        types_(allowed.types.begin(), allowed.types.end()),
        bytes_max_(allowed.bytes_max) {}

  Result<void> add(BytesView piece) override {
    DAYAQ_TRY_OK(check_size(piece));
    if (!file_) {
      DAYAQ_TRY(file_, below_.folder->begin(below_.random));
    }
    look_at(piece);
    return file_->add(piece);
  }

  Result<void> add_whole(BytesView content) override {
    DAYAQ_ASSERT(size_ == 0);
    DAYAQ_TRY_OK(check_size(content));
    if (below_.adopt && !content.empty()) {
      DAYAQ_TRY(file_, below_.folder->adopt(content, below_.adopt, below_.random));
    }
    if (!file_) return add(content);
    look_at(content);
    return {};
  }

  Result<Attachment> finish() override {
    DAYAQ_ASSERT(!std::exchange(finished_, true));
    if (size_ == 0 || too_large_) return wrong_size(bytes_max_);
    const auto kind = sniff(head_, BytesView(tail_).last(std::min(tail_.size(), sniff_size)));
    if (!kind || std::ranges::find(types_, to_string(*kind)) == types_.end()) return wrong_type();
    Attachment out{.id = AttachmentId(below_.random.next_id()),
                   .person = person_,
                   .name = shown_name(name_, *kind),
                   .kind = *kind,
                   .bytes = size_,
                   .sha256 = {},
                   .scan = Scan::waiting,
                   .at = below_.clock.now()};
    if (below_.scanner != nullptr) {
      const auto verdict = below_.scanner->scan(file_->path());
      if (verdict && !verdict->empty()) {
        log::warning("attachments.infected", "a file that was sent holds malware and wasn't kept",
                     {{"malware", *verdict}});
        return infected();
      }
      if (verdict) out.scan = Scan::clean;
    }
    // Asked before the file has its name too: one that is refused then stays on disk for a day.
    DAYAQ_TRY_OK(below_.db.read([&](store::Session& session) { return check_room(session, person_); }));
    const std::shared_lock lock(below_.rows_and_files);
    DAYAQ_TRY(out.sha256, below_.folder->keep(std::move(file_)));
    DAYAQ_TRY_OK(below_.db.write([&](store::Session& session) { return insert(session, out); }));
    return out;
  }

 private:
  static constexpr std::size_t head_size = 64;

  Result<void> check_size(BytesView piece) {
    DAYAQ_ASSERT(!finished_);
    if (size_ + piece.size() > bytes_max_) {
      file_.reset();
      too_large_ = true;
    }
    if (too_large_) return wrong_size(bytes_max_);
    if (!below_.folder) return std::unexpected(below_.folder.error());
    return {};
  }

  /// What its kind is judged by.
  void look_at(BytesView piece) {
    size_ += piece.size();
    if (head_.size() < head_size) {
      const BytesView first = piece.first(std::min(piece.size(), head_size - head_.size()));
      head_.insert(head_.end(), first.begin(), first.end());
    }
    remember_tail(piece);
  }

  /// The last sniff_size bytes at least, twice as many at most.
  void remember_tail(BytesView piece) {
    if (piece.size() >= sniff_size) {
      const BytesView last = piece.last(sniff_size);
      tail_.assign(last.begin(), last.end());
      return;
    }
    if (tail_.size() + piece.size() > 2 * sniff_size) {
      tail_.erase(tail_.begin(), tail_.end() - static_cast<std::ptrdiff_t>(sniff_size));
    }
    tail_.insert(tail_.end(), piece.begin(), piece.end());
  }

  Below below_;
  PersonId person_;
  std::string name_;
  std::vector<std::string> types_;
  std::uint64_t bytes_max_;
  std::uint64_t size_ = 0;
  bool too_large_ = false;
  bool finished_ = false;
  Bytes head_;
  Bytes tail_;
  std::unique_ptr<NewFile> file_;
};

}  // namespace

Attachments::Attachments(store::Database& db, std::filesystem::path folder, std::unique_ptr<Scanner> scanner,
                         Random& random, const Clock& clock)
    : state_(new State{.db = db,
                       .scanner = std::move(scanner),
                       .random = random,
                       .clock = clock,
                       .folder = ContentFolder::open(std::move(folder))}) {
  if (!state_->folder) {
    log::error("attachments.folder", "the folder of attachments can't be used", state_->folder.error());
  }
}
Attachments::~Attachments() = default;

void Attachments::set_uses(Uses uses) {
  state_->uses = std::move(uses);
}

void Attachments::set_adopt(Adopt adopt) {
  state_->adopt = std::move(adopt);
}

std::unique_ptr<Attachments::Upload> Attachments::begin(PersonId person, std::string name,
                                                        const Allowed& allowed) {
  State& s = *state_;
  return std::make_unique<RunningUpload>(Below{.db = s.db,
                                               .scanner = s.scanner.get(),
                                               .random = s.random,
                                               .clock = s.clock,
                                               .folder = s.folder,
                                               .rows_and_files = s.rows_and_files,
                                               .adopt = s.adopt},
                                         person, std::move(name), allowed);
}

Result<std::optional<Attachment>> Attachments::find(store::Session& session, PersonId person,
                                                    AttachmentId id) const {
  return attachment_of(session, person, id);
}

Result<Attachment> Attachments::check(store::Session& session, PersonId person, std::string_view answer,
                                      const Allowed& allowed) const {
  const auto id = parse_id(answer);
  std::optional<Attachment> found;
  if (id) {
    DAYAQ_TRY(found, attachment_of(session, person, *id));
  }
  if (!found)
    return fail_field("attachment.unknown", "file", "This file isn't there any more. Attach it again.");
  if (found->scan == Scan::infected) return infected();
  if (std::ranges::find(allowed.types, to_string(found->kind)) == allowed.types.end()) return wrong_type();
  if (found->bytes > allowed.bytes_max) return wrong_size(allowed.bytes_max);
  return *found;
}

Result<Bytes> Attachments::read(const Attachment& attachment) const {
  if (attachment.scan == Scan::infected) return infected();
  if (attachment.scan == Scan::waiting) {
    return fail(ErrorKind::conflict, "attachment.waiting",
                "This file waits to be scanned; nobody may open it yet. Try again in a while.");
  }
  if (!state_->folder) return std::unexpected(state_->folder.error());
  auto bytes = state_->folder->read(attachment.sha256);
  if (!bytes && bytes.error().kind == ErrorKind::internal) {
    log::error("attachments.damaged", "a file on disk isn't what it was when it was kept", bytes.error());
  }
  return bytes;
}

std::int64_t Attachments::waiting() const {
  return state_->waiting.load(std::memory_order_relaxed);
}

}  // namespace dayaq::services::attachments
