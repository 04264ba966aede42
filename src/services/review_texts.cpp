// Plain language: what a writer of a service's texts should look at.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "regime/file_reader.hpp"
#include "services/file.hpp"

namespace dayaq::services {
namespace {

using regime::TreeNode;

constexpr std::size_t words_max = 25;  // of a sentence: beyond it, readers lose the thread
constexpr std::size_t shown_max = 40;  // bytes of a sentence that a finding repeats

/// Known to everybody who holds a phone.
constexpr std::array<std::string_view, 6> everyday{"SMS", "PDF", "QR", "AZN", "CSV", "OK"};

/// A text in one language, where it stands.
struct Passage {
  const TreeNode* node = nullptr;
  std::string field;
  Language language = Language::az;
};

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\t';
}

std::vector<std::string_view> split(std::string_view text, auto&& is_end) {
  std::vector<std::string_view> out;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && !is_end(text, i)) continue;
    if (i > start) out.push_back(text.substr(start, i - start));
    start = i + 1;
  }
  return out;
}

std::vector<std::string_view> words_of(std::string_view text) {
  return split(text, [](std::string_view all, std::size_t i) { return is_blank(all[i]); });
}

/// A point ends a sentence if a blank follows it: dates and amounts have none.
std::vector<std::string_view> sentences_of(std::string_view text) {
  return split(text, [](std::string_view all, std::size_t i) {
    const bool mark = all[i] == '.' || all[i] == '!' || all[i] == '?' || all[i] == ';';
    return all[i] == '\n' || (mark && (i + 1 == all.size() || is_blank(all[i + 1])));
  });
}

/// What a finding repeats of a sentence, cut at a whole letter.
std::string beginning_of(std::string_view sentence) {
  while (!sentence.empty() && is_blank(sentence.front())) sentence.remove_prefix(1);
  if (sentence.size() <= shown_max) return std::string(sentence);
  std::size_t end = shown_max;
  while (end > 0 && (sentence[end] & 0xc0) == 0x80) --end;
  return std::string(sentence.substr(0, end)) + "...";
}

bool is_word_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c & 0x80) != 0;
}

/// "SMS" of "SMS-lə," and "(QR)"; "" for what is no abbreviation.
std::string abbreviation_in(std::string_view word, Language language) {
  while (!word.empty() && !is_word_letter(word.front())) word.remove_prefix(1);
  std::size_t end = 0;
  while (end < word.size() && is_word_letter(word[end])) ++end;
  word = word.substr(0, end);
  for (const std::string_view mark : {"\xe2\x80\x9d", "\xc2\xbb", "\xe2\x80\x99"}) {  // closing quotes
    if (const std::size_t at = word.find(mark); at != std::string_view::npos) word = word.substr(0, at);
  }
  for (const std::string_view mark : {"\xe2\x80\x9c", "\xc2\xab"}) {  // opening ones
    if (word.starts_with(mark)) word.remove_prefix(mark.size());
  }
  const auto letters = std::ranges::count_if(word, [](char c) { return (c & 0xc0) != 0x80; });
  if (letters < 2 || word.find_first_not_of("IVX") == std::string_view::npos) return {};
  if (to_upper(word, language) != word || to_lower(word, language) == word) return {};
  return std::string(word);
}

class Review {
 public:
  Errors read(const TreeNode& root) {
    walk(root, "");
    for (const Passage& passage : passages_) {
      check_sentences(passage);
      check_abbreviations(passage);
    }
    regime::sort_by_place(findings_);
    return std::move(findings_);
  }

 private:
  void note(const TreeNode& node, const std::string& field, std::string_view code, std::string text) {
    findings_.push_back(
        {ErrorKind::invalid_input, code, std::move(text), {}, field, node.place.line, node.place.column});
  }

  void walk(const TreeNode& node, const std::string& field) {
    if (node.kind == TreeNode::Kind::list) {
      for (std::size_t i = 0; i < node.children.size(); ++i)
        walk(node.children[i], fmt::format("{}[{}]", field, i));
      return;
    }
    if (node.kind != TreeNode::Kind::map) return;
    if (const TreeNode* az = node.find("az"); az != nullptr && az->kind == TreeNode::Kind::scalar) {
      read_text(node, field);
      return;
    }
    if (node.find("field") != nullptr && node.find("title") != nullptr) check_help(node, field);
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const std::string& key = node.keys[i].text;
      walk(node.children[i], field.empty() ? key : field + "." + key);
    }
  }

  void read_text(const TreeNode& node, const std::string& field) {
    std::string missing;
    for (const Language language : languages) {
      const TreeNode* text = node.find(to_string(language));
      if (text == nullptr) {
        missing += fmt::format("{}`{}`", missing.empty() ? "" : " and ", to_string(language));
        continue;
      }
      passages_.push_back({text, fmt::format("{}.{}", field, to_string(language)), language});
      all_[static_cast<std::size_t>(language)] += text->text + "\n";
    }
    if (!missing.empty())
      note(node, field, "review.language",
           fmt::format("This text isn't there in {}. Translate it.", missing));
  }

  void check_help(const TreeNode& node, const std::string& field) {
    if (node.find("help") != nullptr || node.find("known") != nullptr) return;
    note(node, field, "review.help",
         "Nothing stands beside this question that helps whoever doesn't know what to write. Add `help`.");
  }

  void check_sentences(const Passage& passage) {
    for (const std::string_view sentence : sentences_of(passage.node->text)) {
      const std::size_t words = words_of(sentence).size();
      if (words <= words_max) continue;
      note(*passage.node, passage.field, "review.sentence",
           fmt::format("The sentence “{}” has {} words. Make two of it: {} are as many as one can follow.",
                       beginning_of(sentence), words, words_max));
    }
  }

  void check_abbreviations(const Passage& passage) {
    const auto index = static_cast<std::size_t>(passage.language);
    for (const std::string_view word : words_of(passage.node->text)) {
      const std::string short_form = abbreviation_in(word, passage.language);
      if (short_form.empty() || std::ranges::find(everyday, short_form) != everyday.end()) continue;
      const bool explained =
          all_[index].contains("(" + short_form + ")") || all_[index].contains(short_form + " (");
      if (explained || !seen_[index].insert(short_form).second) continue;
      note(*passage.node, passage.field, "review.abbreviation",
           fmt::format("Nobody says what {0} is. Write it out, or explain it once: `full words ({0})`.",
                       short_form));
    }
  }

  Errors findings_;
  std::vector<Passage> passages_;
  std::array<std::string, 3> all_;                  // by language: every text of the file
  std::array<std::set<std::string>, 3> seen_ = {};  // abbreviations that were pointed at
};

}  // namespace

Errors review_texts(std::string_view text, const Service&) {
  return Review().read(regime::read_tree(text).root);
}

}  // namespace dayaq::services
