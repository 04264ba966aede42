// The portal's routes: parse, ask, render.
//
//   GET  /                                   home
//   GET  /regimes                            list
//   GET  /regimes/{code}[?measure=]          one regime
//   GET  /regimes/{code}/territory           its reach by district, as a table
//   GET  /regimes/{code}/versions/{version}  a version; of a draft, what it would change
//   GET  /drafts/new, POST /drafts/check     a dry check and preview of a file; nothing is stored
//   GET  /settlements[?month=2026-11]        what operators delivered and what is owed for it
//   GET  /status                             components, feeds, audit checkpoint
//   GET  /static/{version}/{file}            style sheet and mark
//
// Every page is public, works without scripts, and shows no personal data. `?lang=` chooses the language and
// is remembered in the cookie `lang`.
#pragma once

#include <memory>

#include "http/router.hpp"
#include "portal/pages.hpp"
#include "portal/ports.hpp"
#include "portal/settled.hpp"
#include "portal/site.hpp"
#include "regime/file.hpp"

namespace dayaq::portal {

struct PortalPorts {
  RegimeBook& regimes;
  Previews& previews;
  AuditLeaves& audit;
  LiveFigures& figures;
  const Clock& clock;
  Settlements* settlements = nullptr;  ///< null: nothing is ever settled here
};

class Portal {
 public:
  /// What `words`, `drafts` and `ports` refer to must outlive the portal. Errors as Site::create.
  static Result<std::unique_ptr<Portal>> create(const SiteOptions& options, const Vocabulary& words,
                                                const regime::FileContext& drafts, const PortalPorts& ports);
  ~Portal();
  /// Adds the pages, and the page that tells a person of a refusal. They refer to the portal, which must
  /// outlive them.
  void add_routes(http::Router& router);
  /// Templates, texts and frame, for pages of other rooms. Lives as long as the portal.
  [[nodiscard]] const Site& site() const;

  static constexpr std::size_t draft_bytes_max = 250'000;

 private:
  struct State;
  explicit Portal(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::portal
