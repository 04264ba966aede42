#include "http/templates.hpp"

#include <ctemplate/template_cache.h>
#include <ctemplate/template_dictionary.h>
#include <fmt/format.h>

#include <unordered_set>

#include "base/file.hpp"
#include "base/text.hpp"

namespace dayaq::http {
namespace {

constexpr std::string_view escape_pragma = R"({{%AUTOESCAPE context="HTML"}})";
constexpr auto strip = ctemplate::STRIP_BLANK_LINES;

struct HashOfName {
  using is_transparent = void;
  std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
};
using Names = std::unordered_set<std::string, HashOfName, std::equal_to<>>;

/// The names of all markers: {{NAME}}, {{NAME:modifier}}, {{#NAME}}, {{>NAME}}.
void collect_names(std::string_view text, Names& names) {
  for (std::size_t open = text.find("{{"); open != std::string_view::npos; open = text.find("{{")) {
    text.remove_prefix(open + 2);
    std::string_view marker = text.substr(0, text.find("}}"));
    if (!marker.empty() && (marker.front() == '#' || marker.front() == '>')) marker.remove_prefix(1);
    const std::string_view name = marker.substr(
        0, marker.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"));
    if (!name.empty()) names.emplace(name);
  }
}

/// The template with its texts put in, escaped as ctemplate would have: they stand in HTML's text and in
/// quoted attributes.
Result<std::string> with_texts(std::string_view html, const TemplateTexts& texts) {
  constexpr std::string_view marker = "{{t_";
  std::string out;
  for (std::size_t open = html.find(marker); open != std::string_view::npos; open = html.find(marker)) {
    out += html.substr(0, open);
    html.remove_prefix(open + marker.size());
    const std::string_view key = html.substr(0, html.find("}}"));
    const std::string* text = texts.find(key);
    if (text == nullptr || text->find("{{") != std::string::npos || key.size() == html.size()) {
      return fail(ErrorKind::invalid_input, "templates.text",
                  fmt::format("names the text `{}`, which web/text lacks, or which has {{{{ in it", key));
    }
    out += escape_html(*text);
    html.remove_prefix(key.size() + 2);
  }
  return out.append(html);
}

ctemplate::TemplateString view(const std::string& text) {
  return {text.data(), text.size()};
}

}  // namespace

Dictionary& Dictionary::set(std::string name, std::string value) {
  values_.push_back({std::move(name), std::move(value)});
  return *this;
}

Dictionary& Dictionary::set(std::string name, std::int64_t value) {
  return set(std::move(name), std::to_string(value));
}

Dictionary& Dictionary::show(std::string section) {
  add(std::move(section));
  return *this;
}

Dictionary& Dictionary::add(std::string section) {
  return children_.emplace_back(std::move(section), std::string(), Dictionary()).content;
}

Dictionary& Dictionary::include(std::string marker, std::string file) {
  return children_.emplace_back(std::move(marker), std::move(file), Dictionary()).content;
}

struct Templates::State {
  ctemplate::TemplateCache cache;
  Names files;
  Names names;

  Result<void> add(const std::filesystem::path& folder, const std::filesystem::path& path,
                   std::span<const TemplateTexts> languages) {
    const std::string name = path.lexically_relative(folder).generic_string();
    DAYAQ_TRY(const std::string html, read_file(path));
    if (languages.empty()) return compile(name, html);
    for (const TemplateTexts& texts : languages) {
      auto filled = with_texts(html, texts);
      if (!filled) {
        return fail(ErrorKind::invalid_input, filled.error().code,
                    fmt::format("The template {} {}.", name, filled.error().public_text));
      }
      DAYAQ_TRY_OK(compile(texts.prefix + name, *filled));
    }
    return {};
  }

  Result<void> compile(const std::string& name, const std::string& text) {
    const auto bad = [&](std::string_view why) {
      return fail(ErrorKind::invalid_input, "templates.syntax",
                  fmt::format("The template {} {}.", name, why));
    };
    if (text.find("{{%") != std::string::npos)
      return bad("has a pragma; escaping is set by the program, take it out");
    if (text.find("{{=") != std::string::npos) return bad("changes its delimiters; use {{ and }}");
    const std::string escaped = std::string(escape_pragma) + text;
    if (!cache.StringToTemplateCache(view(name), view(escaped), strip)) {
      return bad(
          "can't be compiled: a section isn't closed, or its HTML is broken; standard error says where");
    }
    collect_names(text, names);
    files.insert(name);
    return {};
  }

  Result<void> fill(ctemplate::TemplateDictionary& out, const Dictionary& in) const {
    const auto known = [this](const std::string& name) -> Result<void> {
      if (names.contains(name)) return {};
      return fail(ErrorKind::internal, "templates.unknown_name",
                  "The page could not be written. Tell the operator.",
                  fmt::format("no template has the marker {}", name));
    };
    for (const auto& [name, text] : in.values_) {
      DAYAQ_TRY_OK(known(name));
      out.SetValueWithoutCopy(view(name), view(text));  // `in` lives until the page is written
    }
    for (const auto& child : in.children_) {
      DAYAQ_TRY_OK(known(child.name));
      ctemplate::TemplateDictionary* inner = nullptr;
      if (child.file.empty()) {
        inner = out.AddSectionDictionary(view(child.name));
      } else {
        if (!files.contains(child.file)) return unknown_file(child.file);
        inner = out.AddIncludeDictionary(view(child.name));
        inner->SetFilename(view(child.file));
      }
      DAYAQ_TRY_OK(fill(*inner, child.content));
    }
    return {};
  }

  static std::unexpected<Error> unknown_file(std::string_view file) {
    return fail(ErrorKind::internal, "templates.unknown_file",
                "The page could not be written. Tell the operator.", fmt::format("no template {}", file));
  }
};

Templates::Templates(std::unique_ptr<State> state) : state_(std::move(state)) {}
Templates::Templates(Templates&&) noexcept = default;
Templates& Templates::operator=(Templates&&) noexcept = default;
Templates::~Templates() = default;

Result<Templates> Templates::load(const std::filesystem::path& folder, std::span<const TemplateTexts> texts) {
  auto state = std::make_unique<State>();
  std::error_code error;
  std::filesystem::recursive_directory_iterator entries(folder, error);
  for (; !error && entries != std::filesystem::recursive_directory_iterator(); entries.increment(error)) {
    if (entries->is_regular_file() && entries->path().extension() == ".html") {
      DAYAQ_TRY_OK(state->add(folder, entries->path(), texts));
    }
  }
  if (error) {
    return fail(ErrorKind::not_found, "templates.folder",
                fmt::format("The templates' folder {} can't be read. Check the path.", folder.string()),
                error.message());
  }
  state->cache.Freeze();
  return Templates(std::move(state));
}

Result<std::string> Templates::render(std::string_view file, const Dictionary& values) const {
  if (!state_->files.contains(file)) return State::unknown_file(file);
  ctemplate::TemplateDictionary dictionary("page");
  DAYAQ_TRY_OK(state_->fill(dictionary, values));
  std::string out;
  const std::string name(file);
  const bool written = state_->cache.ExpandNoLoad(view(name), strip, &dictionary, nullptr, &out);
  DAYAQ_ASSERT(written);  // all that can be missing has been looked up
  return out;
}

}  // namespace dayaq::http
