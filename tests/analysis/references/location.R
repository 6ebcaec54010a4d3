# t tests and rank tests in tests/analysis/data/survey.csv by R survey.
# Writes location.json beside this script: Rscript tests/analysis/references/location.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
d$urban <- d$urban == "True"
# No two answers are the same.
d$distinct <- d$trust + seq_len(nrow(d)) * 1e-6

designs <- list(
  complex = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d),
  finite = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, fpc = ~n_psu,
                     data = d),
  simple = svydesign(~1, weights = ~1, data = d))
designs$urban <- subset(designs$complex, urban)
designs$jackknife <- as.svrepdesign(designs$complex, type = "JKn")

answered <- function(design, ...) design[complete.cases(design$variables[c(...)]), ]

of_t <- function(test, df = unname(test$parameter)) {
  t <- unname(test$statistic)
  margin <- qt(0.95, df) * abs(unname(test$estimate) / t)
  list(statistic = t, df = df, estimate = unname(test$estimate),
       p = 2 * pt(-abs(t), df),
       conf = unname(test$estimate) + c(-margin, margin))
}

t_tests <- function(design) {
  trust <- answered(design, "trust")
  pair <- answered(design, "trust", "items")
  list(
    # One sample loses no degree of freedom but the mean's, as in the classical test.
    one = of_t(svyttest(I(trust - 5) ~ 0, trust), degf(trust)),
    two = of_t(svyttest(trust ~ gender, trust)),
    paired = of_t(svyttest(I(trust - items) ~ 0, pair), degf(pair)))
}

# Middle of the ranks that equal answers share, weighted: R averages them unweighted.
middle <- function(y, w) {
  held <- tapply(w, y, sum)
  as.vector(((cumsum(held) - held / 2) / sum(w))[as.character(y)])
}
scores <- list(wilcoxon = identity, `van-der-waerden` = qnorm,
               median = function(r) as.numeric(r > 0.5))

rank_tests <- function(design) {
  trust <- answered(design, "trust")
  w <- weights(trust, "sampling")
  of_two <- function(test) list(
    statistic = unname(test$statistic), df = unname(test$parameter),
    estimate = unname(test$estimate), p = unname(test$p.value))
  # survey 4.1 has the names of these two the wrong way round.
  of_many <- function(test) list(
    statistic = unname(test$parameter[1]) / unname(test$statistic),
    df = c(unname(test$statistic), test$ddf), p = as.numeric(test$p.value))
  all <- lapply(names(scores), function(kind) {
    own <- function(r, N) scores[[kind]](middle(trust$variables$trust, w))
    r <- sub("van-der-waerden", "vanderWaerden", kind)
    two <- list(
      distinct = of_two(svyranktest(distinct ~ gender, trust, test = r)),
      tied = of_two(svyranktest(trust ~ gender, trust, test = own)))
    # R has no test of more than two groups for replicate weights.
    if (inherits(design, "svyrep.design")) return(two)
    c(two, list(
      many = of_many(svyranktest(distinct ~ country, trust, test = r)),
      many_tied = of_many(svyranktest(trust ~ age_group, trust, test = own))))
  })
  setNames(all, names(scores))
}

equal <- answered(designs$simple, "trust")
writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")),
  t = lapply(designs, t_tests),
  rank = lapply(designs, rank_tests),
  # With equal weights R's own treatment of ties is ours.
  tied_equal = unname(svyranktest(trust ~ gender, equal)$statistic),
  classical = {
    test <- t.test(d$trust, mu = 5)
    list(statistic = unname(test$statistic), df = unname(test$parameter),
         p = test$p.value)
  },
  pooled = {
    test <- t.test(trust ~ gender, d, var.equal = TRUE)
    list(df = unname(test$parameter))
  }
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "location.json"))
