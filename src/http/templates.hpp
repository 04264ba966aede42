// Pages from templates: ctemplate, with every value escaped for the place where it stands.
//
// A template is HTML with {{NAME}}, {{#SECTION}} ... {{/SECTION}} and {{>PART}}. What a value becomes depends
// on where it stands: text, attribute, URL (only http, https and relative ones survive), style. Markup that
// the program has made and vouches for goes in as {{NAME:none}}; nothing else switches escaping off.
//
// {{t_KEY}} is a text of the page's language. It is put in when the template is compiled, once for each
// language, since most of a page is such texts and they never change.
// @see /usr/share/doc/libctemplate-dev/html
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace dayaq::http {

/// What goes into a template. A section sees the values of what encloses it; a part sees only its own.
class Dictionary {
 public:
  /// The last value of a name counts.
  Dictionary& set(std::string name, std::string value);
  Dictionary& set(std::string name, std::int64_t value);
  /// Shows a section once, with the values around it.
  Dictionary& show(std::string section);
  /// Shows a section once more, with values of its own. The reference holds as long as this Dictionary.
  Dictionary& add(std::string section);
  /// Puts the template `file` at {{>marker}}; once more with each call.
  Dictionary& include(std::string marker, std::string file);

 private:
  friend class Templates;
  struct Value;
  struct Child;
  std::list<Value> values_;
  std::list<Child> children_;
};

struct Dictionary::Value {
  std::string name;
  std::string text;
};

struct Dictionary::Child {
  std::string name;
  std::string file;  ///< of a part; empty for a section
  Dictionary content;
};

/// Where a language's texts come from.
struct TemplateTexts {
  std::string prefix;                                            ///< of the templates' names: "az/"
  std::function<const std::string*(std::string_view key)> find;  ///< null if there is no such text
};

/// All *.html files of a folder, compiled once, or once for each language. Thread-safe to render.
class Templates {
 public:
  /// @return the templates, named by their path in the folder ("regime/page.html"), before it the prefix of
  /// the texts that they were compiled with ("az/regime/page.html"), or
  ///   - not_found "templates.folder"       the folder can't be read
  ///   - invalid_input "templates.syntax"   names the file; standard error has ctemplate's words about it
  ///   - invalid_input "templates.text"     names the file and the text that isn't there
  static Result<Templates> load(const std::filesystem::path& folder,
                                std::span<const TemplateTexts> texts = {});
  Templates(Templates&&) noexcept;
  Templates& operator=(Templates&&) noexcept;
  ~Templates();

  /// A name that no template has is a slip of the pen somewhere, so it is an error and not an empty place.
  /// @return the page, or
  ///   - internal "templates.unknown_file"  no such template
  ///   - internal "templates.unknown_name"  no template has this marker
  [[nodiscard]] Result<std::string> render(std::string_view file, const Dictionary& values) const;

 private:
  struct State;
  explicit Templates(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::http
