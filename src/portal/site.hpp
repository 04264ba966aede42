// What every page stands on: templates, texts, names, map; and the frame around the content.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/templates.hpp"
#include "portal/district_map.hpp"
#include "portal/format.hpp"
#include "portal/sentences.hpp"

namespace dayaq::portal {

using View = http::Dictionary;

struct SiteOptions {
  std::filesystem::path web;  ///< the folder with templates/, text/, static/
  std::string program_version;
  bool synthetic = true;  ///< the population is made up, and pages say so
};

/// A file under /static/, held in memory.
struct StaticFile {
  std::string content_type;
  std::string body;
  std::string path;  ///< "/static/<hash>/<name>": changes with the content, so that it may be cached for good
  std::string integrity;  ///< "sha256-...". @see W3C Subresource Integrity
};

/// Read once at the start; then immutable.
class Site {
 public:
  /// Fails on a template, text, static file or map that can't be read, and on a text that a template names
  /// and web/text lacks ("templates.text").
  static Result<std::unique_ptr<Site>> create(const SiteOptions& options, const Vocabulary& words,
                                              const Zone& zone);

  [[nodiscard]] const Texts& texts() const { return texts_; }
  [[nodiscard]] const Vocabulary& words() const { return words_; }
  [[nodiscard]] const DistrictMap& map() const { return map_; }
  [[nodiscard]] const Zone& zone() const { return zone_; }
  [[nodiscard]] const SiteOptions& options() const { return options_; }
  [[nodiscard]] const http::Templates& templates() const { return templates_; }
  /// null if there is none
  [[nodiscard]] const StaticFile* static_file(std::string_view name) const;

 private:
  Site(const SiteOptions& options, const Vocabulary& words, const Zone& zone, http::Templates templates,
       Texts texts, DistrictMap map);
  Result<void> read_static();

  SiteOptions options_;
  const Vocabulary& words_;
  const Zone& zone_;
  http::Templates templates_;
  Texts texts_;
  DistrictMap map_;
  std::map<std::string, StaticFile, std::less<>> static_files_;
};

/// Where the reader is, for the menu and the language switch.
struct Here {
  std::string path;       ///< "/regimes/special-quarantine"
  std::string query;      ///< without `lang`; "" or "measure=voice"
  std::string_view menu;  ///< the menu's entry that is marked: "/", "/regimes", ...; "" for none
  bool posted = false;    ///< the page answers a form: the language switch sends the form again
};

/// One page about to be made. Its content is filled first, then it is rendered.
class Page {
 public:
  Page(const Site& site, Language language, Instant now);
  [[nodiscard]] const Site& site() const { return site_; }
  [[nodiscard]] const Format& format() const { return format_; }
  [[nodiscard]] Language language() const { return format_.language(); }
  [[nodiscard]] Instant now() const { return now_; }

  /// Puts a template at a marker, in the page's language.
  View& include(View& view, std::string marker, std::string_view file) const;
  /// The template of the content within the frame; once a page.
  View& content(std::string_view file) { return include(frame_, "CONTENT", file); }
  /// One more style sheet of web/static, after the first.
  void add_style(std::string file) { styles_.push_back(std::move(file)); }
  /// The whole page: the frame with title, menu, languages and footer around the content.
  [[nodiscard]] Result<std::string> render(const Here& here, const std::string& title);

  /// "Azercell" for "org:azercell/key:3"; the actor as it stands for anything else.
  [[nodiscard]] std::string actor_name(std::string_view actor) const;

 private:
  void add_languages(const Here& here);

  const Site& site_;
  Format format_;
  Instant now_;
  View frame_;
  std::vector<std::string> styles_;
};

}  // namespace dayaq::portal
