#include "services/cases/book_store.hpp"

namespace dayaq::services {
namespace {

store::Param text_param(const std::string& text) {
  if (text.empty()) return nullptr;
  return std::string_view(text);
}

}  // namespace

Result<void> BookStore::insert(store::Session& session, const ServiceRow& row) {
  return session.exec(
      "INSERT INTO service_version (code, version, source, state, submitted_by, submitted, acts) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {row.code, std::int64_t{row.version}, row.source, static_cast<std::int64_t>(row.state),
       row.submitted_by, to_micros(row.submitted), row.acts});
}

Result<void> BookStore::update(store::Session& session, const ServiceRow& row) {
  return session.exec(
      "UPDATE service_version SET state = $3, published_by = $4, published = $5, because_az = $6, "
      "because_en = $7, because_ru = $8, acts = $9 WHERE code = $1 AND version = $2",
      {row.code, std::int64_t{row.version}, static_cast<std::int64_t>(row.state),
       text_param(row.published_by),
       row.published == instant_max ? store::Param(nullptr) : store::Param(to_micros(row.published)),
       text_param(row.because.az), text_param(row.because.en), text_param(row.because.ru), row.acts});
}

Result<void> BookStore::each(store::Session& session, const std::function<Result<bool>(ServiceRow)>& visit) {
  return session.query(
      "SELECT code, version, source, state, submitted_by, submitted, published_by, published, because_az, "
      "because_en, because_ru, acts FROM service_version ORDER BY code, version",
      {}, [&](const store::Row& row) -> Result<bool> {
        return visit({.code = std::string(row.text(0)),
                      .version = static_cast<int>(row.integer(1)),
                      .source = std::string(row.text(2)),
                      .state = static_cast<ServiceState>(row.integer(3)),
                      .submitted_by = std::string(row.text(4)),
                      .submitted = from_micros(row.integer(5)),
                      .published_by = std::string(row.text(6)),
                      .published = row.is_null(7) ? instant_max : from_micros(row.integer(7)),
                      .because = {.az = std::string(row.text(8)),
                                  .en = std::string(row.text(9)),
                                  .ru = std::string(row.text(10))},
                      .acts = row.integer(11)});
      });
}

}  // namespace dayaq::services
