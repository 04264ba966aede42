#include "manual.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace dayaq::cli {
namespace {

std::string roff(std::string text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (line_start && (c == '.' || c == '\''))
      out += fmt::format("\\&{}", c);
    else
      out += c;
    line_start = c == '\n';
  }
  return out;
}

void options_of(const CLI::App& app, std::string& out) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    out += fmt::format(".TP\n.B {}\n{}\n", roff(option->get_name(option->get_positional(), true)),
                       roff(option->get_description()));
  }
}

void commands_of(const CLI::App& app, const std::string& path, std::string& out) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string name = path + " " + command->get_name();
    out += fmt::format(".SS {}\n{}\n", roff(name), roff(command->get_description()));
    options_of(*command, out);
    if (const std::string footer = command->get_footer(); !footer.empty()) {
      out += fmt::format(".PP\n.nf\n{}\n.fi\n", roff(footer));
    }
    commands_of(*command, name, out);
  }
}

void completions_of(const CLI::App& app, const std::string& path, std::string& out) {
  std::string words;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    words += command->get_name() + " ";
    completions_of(*command, path + " " + command->get_name(), out);
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  }
  out += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, words);
}

}  // namespace

std::string man_page(const CLI::App& app) {
  std::string out = fmt::format(
      ".TH DAYAQ 1 \"\" \"Dayaq\" \"User commands\"\n.SH NAME\ndayaq \\- {}\n.SH SYNOPSIS\n.B dayaq\n"
      "[OPTIONS] COMMAND [ARGUMENTS]\n.SH DESCRIPTION\n{}\n.SH OPTIONS\n",
      roff(app.get_description()),
      "Works on a data folder directly, or through a running dayaqd when one serves that folder or --server "
      "names one.");
  options_of(app, out);
  out += ".SH COMMANDS\n";
  commands_of(app, "dayaq", out);
  out +=
      ".SH EXIT STATUS\n0 done; 1 refused or failed, the reason is printed; 2 the command line is wrong; "
      "3 the server can't be reached.\n";
  return out;
}

std::string bash_completion(const CLI::App& app) {
  std::string cases;
  completions_of(app, "dayaq", cases);
  return fmt::format(R"sh(# bash completion of dayaq: eval "$(dayaq completion)"
_dayaq() {{
  local path=dayaq i words=""
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${{COMP_WORDS[i]}}" in -*) ;; *) case " $(_dayaq_words "$path") " in
      *" ${{COMP_WORDS[i]}} "*) path="$path ${{COMP_WORDS[i]}}" ;; esac ;; esac
  done
  words=$(_dayaq_words "$path")
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
_dayaq_words() {{
  local words=""
  case "$1" in
{}  esac
  echo "$words"
}}
complete -o default -F _dayaq dayaq
)sh",
                     cases);
}

}  // namespace dayaq::cli
