// What time and publications do to cases: deadlines, ends of regimes, new versions of services.
#include <algorithm>

#include "base/replace.hpp"
#include "services/cases/cases_context.hpp"
#include "services/permit/list.hpp"

namespace dayaq::services {
namespace {

const std::string system_actor(rules_actor);

/// Answers under the names that another version gives its fields.
Answers renamed(const Answers& before, const std::map<std::string, std::string>& names, const Service& to) {
  Answers out;
  for (const auto& [field, answer] : before) {
    const auto named = names.find(field);
    const std::string& name = named == names.end() ? field : named->second;
    if (!name.empty() && to.find(name) != nullptr) out.insert_or_assign(name, answer);
  }
  return out;
}

/// Where a case of one version waits by another: at the step of the same code, else at the first of its kind.
std::optional<int> same_step(const Service& from, const Service& to, int step) {
  if (step < 0 || std::size_t(step) >= from.steps.size()) return std::nullopt;
  const Step& here = from.steps[std::size_t(step)];
  auto found = std::ranges::find_if(
      to.steps, [&](const Step& s) { return s.code == here.code && s.kind == here.kind; });
  if (found == to.steps.end()) found = std::ranges::find(to.steps, here.kind, &Step::kind);
  if (found == to.steps.end()) return std::nullopt;
  return int(found - to.steps.begin());
}

}  // namespace

Result<int> Cases::do_due(store::Session& session, Instant now, int rows) {
  DAYAQ_TRY(const std::vector<StoredCase> due, due_cases(session, now, rows));
  for (const StoredCase& one : due) DAYAQ_TRY_OK(change(session, one, Due{}, system_actor, now));
  return int(due.size());
}

Result<void> Cases::postpone_due(store::Session& session, Instant now) {
  DAYAQ_TRY(std::vector<StoredCase> due, due_cases(session, now, 1));
  if (due.empty()) return {};
  due.front().stands.due = now + std::chrono::hours(1);
  return update_case(session, due.front());
}

Result<int> Cases::move_versions(store::Session& session, Instant now, int rows) {
  int moved = 0;
  for (const ServiceHandle& handle : context_.book.published()->services) {
    const Service& to = handle->service;
    for (const auto& [version, names] : to.moves) {
      const ServiceHandle before = context_.book.find(to.code, version);
      if (!before || version == to.version) continue;
      DAYAQ_TRY(const std::vector<StoredCase> open, open_cases(session, to.code, version, rows - moved));
      for (const StoredCase& one : open) {
        const auto step = same_step(before->service, to, one.stands.step);
        if (!step) continue;  // it finishes under its own version
        const Move move{
            .version = to.version, .answers = renamed(one.stands.answers, names, to), .step = *step};
        DAYAQ_TRY_OK(change(session, one, move, system_actor, now));
        ++moved;
      }
      if (moved >= rows) return moved;
    }
  }
  return moved;
}

Result<int> Cases::end_with_regimes(store::Session& session, Instant now, int rows) {
  static const LocalizedText over{.az = "Rejim bitdiyi üçün icazə qüvvədən düşüb.",
                                  .en = "The permit ended with its regime.",
                                  .ru = "Разрешение прекратило действие вместе с режимом."};
  static const LocalizedText changed{.az = "Rejim dəyişdiyi üçün icazə qüvvədən düşüb.",
                                     .en = "The permit ended as its regime changed.",
                                     .ru = "Разрешение прекратило действие, так как режим изменился."};
  int ended = 0;
  for (const ServiceHandle& handle : context_.book.published()->services) {
    const Service& service = handle->service;
    if (service.ends_with.empty()) continue;
    const int version = context_.facts.regime_version(service.ends_with, now);
    // Under a law that stays as it is nothing new comes to an end: the live permits needn't be read each
    // second. Whoever submits reads the clock a moment before their transaction.
    Ended& known = ended_[service.code.value() + "|" + service.ends_with];
    if (known.version != version) known = {.version = version, .since = now};
    if (known.nothing_left || (version != 0 && !service.for_employees)) continue;
    const RegimePermits which{.regime = service.ends_with,
                              .but_version = version == 0 ? -1 : version,
                              .service = version == 0 ? std::string() : service.code.value()};
    DAYAQ_TRY(const std::vector<Permit> live, live_of_regime(session, which, now, rows - ended));
    for (const Permit& one : live) {
      DAYAQ_TRY_OK(
          revoke_permit(session, one.person, one.id, version == 0 ? over : changed, system_actor, now));
      ++ended;
    }
    known.nothing_left = live.empty() && now >= known.since + permit::settled_after;
    if (ended >= rows) break;
  }
  return ended;
}

Result<int> Cases::sign_again(store::Session& session, std::int64_t bucket, BytesView key_id, Instant now,
                              int rows) {
  static const LocalizedText anew{
      .az = "İcazəniz yenidən imzalandı, əvvəlki mətni etibarsızdır: {permit}",
      .en = "Your permit was signed anew; its old text counts for nothing: {permit}",
      .ru =
          "Ваше разрешение подписано заново, прежний текст недействителен: "
          "{permit}"};
  // Bytes 10 to 13 of a token are its key's id (docs/permits.md).
  std::vector<Permit> found;
  DAYAQ_TRY_OK(session.query("SELECT " DAYAQ_PERMIT_COLUMNS
                             " FROM permits WHERE bucket = $1 AND revoked IS NULL AND valid_until > $2 AND "
                             "substr(token, 10, 4) = $3 LIMIT $4",
                             {bucket, to_micros(now), key_id, std::int64_t(rows)},
                             [&](const store::Row& row) -> Result<bool> {
                               found.push_back(permit_from(row));
                               return true;
                             }));
  for (const Permit& one : found) {
    DAYAQ_TRY(const Bytes token, context_.issuer.sign_again(as_bytes(one.token)));
    DAYAQ_TRY_OK(
        session.exec("UPDATE permits SET token = $4 WHERE bucket = $1 AND person_id = $2 AND permit_id = $3",
                     {bucket, sql_key(one.person), sql_key(one.id), BytesView(token)}));
    DAYAQ_TRY(const auto of, stored_case(session, one.person, one.case_id));
    if (of && context_.notifier != nullptr) {
      LocalizedText text = anew;
      for (const auto part : {&LocalizedText::az, &LocalizedText::en, &LocalizedText::ru}) {
        replace_all(text.*part, "{permit}", permit::sms_text(token));
      }
      DAYAQ_TRY_OK(context_.notifier->notify(session, one.person, of->stands, text, now));
    }
  }
  return int(found.size());
}

}  // namespace dayaq::services
