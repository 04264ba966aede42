#include "portal/site.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/file.hpp"
#include "base/siphash.hpp"
#include "crypto/sign.hpp"

namespace dayaq::portal {
namespace {

constexpr std::string_view frame_file = "layout.html";

std::string content_type_of(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".css") return "text/css; charset=utf-8";
  if (extension == ".svg") return "image/svg+xml";
  if (extension == ".js") return "text/javascript; charset=utf-8";
  return "application/octet-stream";
}

/// Comments and indentation are for whoever edits the sheet, not for the wire.
std::string minified_css(std::string_view css) {
  std::string out;
  out.reserve(css.size());
  for (std::size_t i = 0; i < css.size(); ++i) {
    if (css.substr(i, 2) == "/*") {
      const std::size_t end = css.find("*/", i + 2);
      if (end == std::string_view::npos) break;
      i = end + 1;
      continue;
    }
    const char c = css[i] == '\n' ? ' ' : css[i];
    constexpr std::string_view needs_no_space = "{};,";
    const bool after = !out.empty() && needs_no_space.find(out.back()) != std::string_view::npos;
    if (c == ' ' && (out.empty() || out.back() == ' ' || after)) continue;
    if (needs_no_space.find(c) != std::string_view::npos && !out.empty() && out.back() == ' ') out.pop_back();
    if (c == '}' && !out.empty() && out.back() == ';') out.pop_back();
    if (out.ends_with(": "))
      out.back() = c;
    else
      out += c;
  }
  return out;
}

/// Tells versions of a file apart; nothing secret, so the key is fixed.
std::string version_of(std::string_view content) {
  return fmt::format("{:016x}", siphash(SipKey{}, content));
}

std::string name_in(Language language, std::string_view file) {
  return fmt::format("{}/{}", to_string(language), file);
}

Result<http::Templates> load_templates(const std::filesystem::path& folder, const Texts& texts) {
  const std::vector<std::string>& keys = texts.keys();
  std::vector<http::TemplateTexts> all;
  for (const Language language : languages) {
    const auto find = [&, language](std::string_view key) -> const std::string* {
      return std::ranges::binary_search(keys, key) ? &texts.text(key, language) : nullptr;
    };
    all.push_back({.prefix = name_in(language, ""), .find = find});
  }
  return http::Templates::load(folder, all);
}

}  // namespace

Site::Site(const SiteOptions& options, const Vocabulary& words, const Zone& zone, http::Templates templates,
           Texts texts, DistrictMap map)
    : options_(options),
      words_(words),
      zone_(zone),
      templates_(std::move(templates)),
      texts_(std::move(texts)),
      map_(std::move(map)) {}

Result<std::unique_ptr<Site>> Site::create(const SiteOptions& options, const Vocabulary& words,
                                           const Zone& zone) {
  DAYAQ_TRY(Texts texts, Texts::load(options.web / "text"));
  DAYAQ_TRY(http::Templates templates, load_templates(options.web / "templates", texts));
  DAYAQ_TRY(DistrictMap map, DistrictMap::create(words.country));
  std::unique_ptr<Site> site(
      new Site(options, words, zone, std::move(templates), std::move(texts), std::move(map)));
  DAYAQ_TRY_OK(site->read_static());
  return site;
}

Result<void> Site::read_static() {
  std::set<std::string> names{"dayaq.css"};  // said to be missing if the folder is
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(options_.web / "static", ignored)) {
    constexpr std::array<std::string_view, 3> kinds{".css", ".js", ".svg"};
    if (std::ranges::find(kinds, entry.path().extension().string()) != kinds.end()) {
      names.insert(entry.path().filename().string());
    }
  }
  for (const std::string& name : names) {
    const std::filesystem::path path = options_.web / "static" / name;
    DAYAQ_TRY(std::string body, read_file(path));
    if (path.extension() == ".css") body = minified_css(body);
    std::string url = fmt::format("/static/{}/{}", version_of(body), name);
    std::string integrity = "sha256-" + to_base64(crypto::sha256(as_bytes(body)));
    static_files_.emplace(
        name, StaticFile{content_type_of(path), std::move(body), std::move(url), std::move(integrity)});
  }
  return {};
}

const StaticFile* Site::static_file(std::string_view name) const {
  const auto found = static_files_.find(name);
  return found == static_files_.end() ? nullptr : &found->second;
}

Page::Page(const Site& site, Language language, Instant now)
    : site_(site), format_(site.texts(), language, site.zone()), now_(now) {}

View& Page::include(View& view, std::string marker, std::string_view file) const {
  return view.include(std::move(marker), name_in(language(), file));
}

void Page::add_languages(const Here& here) {
  constexpr std::array<std::string_view, 3> names{"Azərbaycan", "English", "Русский"};
  constexpr std::array<std::string_view, 3> short_names{"AZ", "EN", "RU"};
  for (const Language language : languages) {
    View& item = frame_.add("LANGUAGE");
    const bool current = language == this->language();
    View& choice = item.add(current ? "HERE" : here.posted ? "BUTTON" : "LINK");
    choice.set("CODE", std::string(to_string(language)));
    choice.set("NAME", std::string(names[static_cast<std::size_t>(language)]));
    choice.set("SHORT", std::string(short_names[static_cast<std::size_t>(language)]));
    if (current) continue;
    choice.set("HREF", fmt::format("{}?{}{}lang={}", here.path, here.query, here.query.empty() ? "" : "&",
                                   to_string(language)));
  }
}

Result<std::string> Page::render(const Here& here, const std::string& title) {
  frame_.set("LANG", std::string(to_string(language())));
  frame_.set("TITLE", title);
  frame_.set("CSS", site_.static_file("dayaq.css")->path);
  for (const std::string& style : styles_) frame_.add("STYLE").set("HREF", site_.static_file(style)->path);
  frame_.set("ICON", site_.static_file("mark.svg")->path);
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> menu{{{"/", "nav_home"},
                                                                               {"/services", "nav_services"},
                                                                               {"/my", "nav_my"},
                                                                               {"/regimes", "nav_regimes"},
                                                                               {"/drafts/new", "nav_check"}}};
  for (const auto& [path, key] : menu) {
    View& item = frame_.add("NAV");
    item.set("HREF", std::string(path));
    item.set("NAME", format_.text(key));
    if (path == here.menu) item.show("CURRENT");
  }
  add_languages(here);
  if (site_.options().synthetic) frame_.show("SYNTHETIC");
  frame_.set("MADE", format_.fill("foot_made", {{"version", site_.options().program_version},
                                                {"time", format_.date_time(now_)}}));
  return site_.templates().render(name_in(language(), frame_file), frame_);
}

std::string Page::actor_name(std::string_view actor) const {
  constexpr std::string_view prefix = "org:";
  if (!actor.starts_with(prefix)) return std::string(actor);
  const std::string_view code = actor.substr(prefix.size(), actor.find('/') - prefix.size());
  const LocalizedText name = site_.words().organisation_by_code(code);
  return name.az.empty() ? std::string(actor) : name.in(language());
}

}  // namespace dayaq::portal
