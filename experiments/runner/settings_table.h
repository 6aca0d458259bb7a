// The one description of every setting: its key, where it goes, unit, range, sentence and source.
//
// describe(visit, object) calls visit.value(key, member, about) for each setting of an object, in the order of the
// documentation; visit.group(key, about, ...) makes a JSON object of settings that have no struct of their own. Reader,
// writer, schema and documentation (settings.cpp) are four visitors of these functions, so they cannot disagree. The
// default of a setting is the value of its member in a default-constructed object.
//
// Here are those of an experiment as a whole, its points and its pictures; settings_setup.h has those of a set-up and
// settings_programs.h those of programs.
#pragma once

#include "experiments/runner/settings_setup.h"

namespace runner {

template <>
struct NamesOf<AxisRange::Scale> {
  using Scale = AxisRange::Scale;
  static constexpr std::array names{std::pair{Scale::linear, "linear"}, std::pair{Scale::log, "log"}};
};

template <>
struct NamesOf<Picture::Kind> {
  using Kind = Picture::Kind;
  static constexpr std::array names{std::pair{Kind::line, "line"}, std::pair{Kind::heat, "heat"},
                                    std::pair{Kind::distribution, "distribution"}};
};

template <class Visit>
void describe(Visit&& visit, const AxisRange*) {
  visit.value("from", RINGZERO_MEMBER(from),
              {.text = "First value, a number or a quantity; of a parameter of the model: absent for where its likely "
                       "range begins.",
               .source = "Ringzero"});
  visit.value("to", RINGZERO_MEMBER(to), {.text = "Last value.", .source = "Ringzero"});
  visit.value("count", RINGZERO_MEMBER(count),
              {.text = "So many values, both ends among them.", .source = "Ringzero", .min = 2, .max = 1'000'000});
  visit.value("step", RINGZERO_MEMBER(step),
              {.text = "From one value to the next, instead of a count.", .source = "Ringzero"});
  visit.value("scale", RINGZERO_MEMBER(scale),
              {.text = "Whether neighbours differ by the same amount or by the same factor.", .source = "Ringzero"});
  visit.value(
      "whole", RINGZERO_MEMBER(whole),
      {.text = "Whether values are whole numbers; absent: if both ends are written as such.", .source = "Ringzero"});
}

template <class Visit>
void describe(Visit&& visit, const Sample*) {
  visit.value("count", RINGZERO_MEMBER(count),
              {.text = "So many points, for each combination of cases and varied keys.",
               .source = "Ringzero",
               .min = 1,
               .max = 10'000'000,
               .required = true});
  visit.value(
      "seed", RINGZERO_MEMBER(seed),
      {.text = "Of the points' choice; a key's values depend on it and on nothing else.", .source = "Ringzero"});
  visit.value("keys", RINGZERO_MEMBER(keys),
              {.text = "Keys, dotted, with a range or a list for each: a Latin hypercube of them.",
               .source = "McKay, Beckman and Conover 1979",
               .required = true});
}

template <class Visit>
void describe(Visit&& visit, const Precision*) {
  visit.value(
      "metric", RINGZERO_MEMBER(metric),
      {.text = "The metric that is to be known.", .source = "Ringzero", .choices = known_metrics, .required = true});
  visit.value("half_width", RINGZERO_MEMBER(half_width),
              {.text = "Half of the 95 % confidence interval of its mean, relative to the mean.",
               .source = "assumed",
               .unit = "%",
               .min = 1,
               .max = 1'000'000});
  visit.value("most", RINGZERO_MEMBER(most),
              {.text = "Replications of a point at most; `replications` are made in any case.",
               .source = "assumed",
               .min = 2,
               .max = 10000});
}

template <class Visit>
void describe(Visit&& visit, const Picture*) {
  visit.value("name", RINGZERO_MEMBER(name), {.text = "Name of the file.", .source = "Ringzero", .required = true});
  visit.value("kind", RINGZERO_MEMBER(kind),
              {.text = "Lines with confidence intervals, a map of colours, or how values are distributed.",
               .source = "Ringzero",
               .required = true});
  visit.value("title", RINGZERO_MEMBER(title), {.text = "What stands above it.", .source = "Ringzero"});
  visit.value("x", RINGZERO_MEMBER(x),
              {.text = "What goes to the right: a varied or sampled key, \"case\", a metric, or for distributions the "
                       "\"latency\" of replies.",
               .source = "Ringzero",
               .required = true});
  visit.value("y", RINGZERO_MEMBER(y),
              {.text = "What goes up: a metric, or on a map a key; distributions have none.", .source = "Ringzero"});
  visit.value("colour", RINGZERO_MEMBER(colour),
              {.text = "What tells lines and distributions apart: a key or \"case\"; on a map, the metric.",
               .source = "Ringzero"});
  visit.value("panels", RINGZERO_MEMBER(panels),
              {.text = "A key or \"case\" that has a small picture of its own for each value.", .source = "Ringzero"});
  visit.value("x_scale", RINGZERO_MEMBER(x_scale), {.text = "Scale of what goes to the right.", .source = "Ringzero"});
  visit.value("y_scale", RINGZERO_MEMBER(y_scale), {.text = "Scale of what goes up.", .source = "Ringzero"});
}

template <class Visit>
void describe(Visit&& visit, const SearchSettings*) {
  visit.value(
      "key", RINGZERO_MEMBER(key),
      {.text = "The whole number that is looked for, dotted; its value in the set-up is where the search begins.",
       .source = "Ringzero",
       .required = true});
  visit.value("metric", RINGZERO_MEMBER(metric),
              {.text = "The metric that decides; it falls as the key's value grows.",
               .source = "Ringzero",
               .choices = known_metrics,
               .required = true});
  visit.value("at_least", RINGZERO_MEMBER(at_least),
              {.text = "What the metric has to reach, in its unit.", .source = "Ringzero", .required = true});
  visit.value("tolerance", RINGZERO_MEMBER(tolerance),
              {.text = "The search ends when the value is known to so many thousandths.",
               .source = "Ringzero",
               .min = 1,
               .max = 500});
  visit.value("most_runs", RINGZERO_MEMBER(most_runs),
              {.text = "Runs after which the search gives up.", .source = "Ringzero", .min = 2, .max = 100});
  visit.value("name", RINGZERO_MEMBER(name),
              {.text = "The metric that the value found is reported as.",
               .source = "Ringzero",
               .choices = known_search_names,
               .required = true});
}

template <class Visit>
void describe(Visit&& visit, const Case*) {
  visit.value("name", RINGZERO_MEMBER(name), {.text = "Name of the case.", .source = "Ringzero", .required = true});
  visit.value("set", RINGZERO_MEMBER(set),
              {.text = "Keys that differ in this case, dotted (\"scheduler.variant\"), and their values.",
               .source = "Ringzero"});
}

template <class Visit>
void describe(Visit&& visit, const Normalisation*) {
  visit.value("metric", RINGZERO_MEMBER(metric),
              {.text = "The metric to divide.", .source = "Ringzero", .choices = known_metrics, .required = true});
  visit.value("key", RINGZERO_MEMBER(key), {.text = "One of the varied keys.", .source = "Ringzero", .required = true});
  visit.value("at", RINGZERO_MEMBER(at),
              {.text = "Its value at the point to divide by.", .source = "Ringzero", .required = true});
}

template <class Visit>
void describe(Visit&& visit, const Loss*) {
  visit.value("metric", RINGZERO_MEMBER(metric),
              {.text = "The metric of which something is lost.",
               .source = "Ringzero",
               .choices = known_metrics,
               .required = true});
  visit.value("from", RINGZERO_MEMBER(from),
              {.text = "Name of the case that lacks nothing.", .source = "Ringzero", .required = true});
  visit.value("cases", RINGZERO_MEMBER(cases),
              {.text = "Names of the cases that are compared with it; absent: all others.", .source = "Ringzero"});
}

template <class Visit>
void describe(Visit&& visit, const LedgerLine*) {
  visit.value("case", RINGZERO_MEMBER(case_name),
              {.text = "Name of the case; absent: every case.", .source = "Ringzero"});
  visit.value("metric", RINGZERO_MEMBER(metric),
              {.text = "The metric to compare.", .source = "Ringzero", .choices = known_metrics, .required = true});
  visit.value("id", RINGZERO_MEMBER(id),
              {.text = "Id of the published value; {key} stands for the point's value of a varied key, {case} for its "
                       "case.",
               .source = "results/published/published.json",
               .required = true});
}

template <class Visit>
void describe(Visit&& visit, const Experiment*) {
  visit.value("experiment", RINGZERO_MEMBER(id),
              {.text = "Short name of the experiment, used for folders.", .source = "Ringzero", .required = true});
  visit.value("title", RINGZERO_MEMBER(title), {.text = "One line for figures and reports.", .source = "Ringzero"});
  visit.value("question", RINGZERO_MEMBER(question), {.text = "What the experiment asks.", .source = "Ringzero"});
  visit.value(
      "expectation", RINGZERO_MEMBER(expectation),
      {.text = "What is expected, written before the first run, and what would prove it wrong.", .source = "Ringzero"});
  visit.embedded(RINGZERO_MEMBER(setup));
  visit.value("replications", RINGZERO_MEMBER(replications),
              {.text = "Runs per point, which differ in their seed.", .source = "Ringzero", .min = 1, .max = 10000});
  visit.value("seed", RINGZERO_MEMBER(seed),
              {.text = "Seed of the first replication; the next ones count up.", .source = "Ringzero"});
  visit.value("cases", RINGZERO_MEMBER(cases), {.text = "Named variations of the set-up.", .source = "Ringzero"});
  visit.value(
      "sensitivity", RINGZERO_MEMBER(sensitivity),
      {.text = "Instead of cases: parameters of the model, or beginnings of their names, as \"cpu\", which means "
               "all of these that are assumed or of low certainty. Each is a case at both ends of its range.",
       .source = "Ringzero"});
  visit.value("vary", RINGZERO_MEMBER(vary),
              {.text = "Keys, dotted, with the list or the range of values that each takes; all combinations are "
                       "points.",
               .source = "Ringzero"});
  visit.value("sample", RINGZERO_MEMBER(sample),
              {.text = "Keys with random values, for each of these combinations.", .source = "Ringzero"});
  visit.value("precision", RINGZERO_MEMBER(precision),
              {.text = "When a sweep makes no more replications of a point; absent: after `replications`.",
               .source = "Ringzero"});
  visit.value("normalise", RINGZERO_MEMBER(normalise),
              {.text = "Adds a metric relative to one of the points.", .source = "Ringzero"});
  visit.value("losses", RINGZERO_MEMBER(losses),
              {.text = "Adds how much less metrics are than in another case, in per cent.", .source = "Ringzero"});
  visit.value("show", RINGZERO_MEMBER(show),
              {.text = "Metrics in the table for people; absent: all.", .source = "Ringzero"});
  visit.value("pictures", RINGZERO_MEMBER(pictures), {.text = "What a sweep draws.", .source = "Ringzero"});
  visit.value("ledger", RINGZERO_MEMBER(ledger),
              {.text = "Which metrics stand for which published values.", .source = "Ringzero"});
}

#undef RINGZERO_MEMBER

}  // namespace runner
