// The wiring of the pages of e-services: what they stand on besides cases, and their background work.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "core.hpp"
#include "services/attachments/attachments.hpp"
#include "services/booking/booking.hpp"
#include "services/cases/cases.hpp"
#include "services/surge/surge.hpp"
#include "services/web/web.hpp"

namespace dayaq::node {

class ServicesPages {
 public:
  /// @param country  the country pack's folder: calendars
  static Result<std::unique_ptr<ServicesPages>> open(Core& core, const std::filesystem::path& data,
                                                     const std::filesystem::path& country);

  [[nodiscard]] services::attachments::Attachments& attachments() { return attachments_; }
  [[nodiscard]] services::booking::Calendars& calendars() { return *calendars_; }

  /// The routes refer to this and to what is given.
  void add_routes(http::Router& router, const identity::web::Web& pages, services::Cases& cases,
                  services::ServiceBook& book, services::surge::Surge& surge,
                  const services::PermitKeys& permit_keys, services::sms::Notices& notices);
  // What cases ask and tell, in their transactions.
  /// Whether an answer may name this attachment.
  Result<void> check_document(store::Session& session, PersonId person, const services::Field& field,
                              const std::string& answer) const;
  /// A time to come goes with the case that waited for it: withdrawn or expired, it is free for others.
  Result<void> case_changed(store::Session& session, const services::Case& before,
                            const services::Case& after, Instant now) const;
  /// Once a second.
  void tick();
  /// What was counted is stored.
  void stop();

 private:
  ServicesPages(Core& core, const std::filesystem::path& data,
                std::unique_ptr<services::booking::Calendars> calendars,
                std::unique_ptr<services::attachments::Scanner> scanner);

  Core& core_;
  std::unique_ptr<services::booking::Calendars> calendars_;
  services::attachments::Attachments attachments_;
  services::web::DropOff drop_off_;
  services::web::DemonstrationPayments demonstration_;
  std::optional<services::web::ServicesWeb> web_;
  std::int64_t ticks_ = 0;
};

}  // namespace dayaq::node
