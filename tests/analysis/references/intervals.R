# Confidence intervals of shares of tests/analysis/data/survey.csv by R survey.
# Writes intervals.json beside this script: Rscript tests/analysis/references/intervals.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
d$high <- as.numeric(d$trust > 9.5)  # a small share
designs <- list(
  complex = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d),
  finite = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, fpc = ~n_psu,
                     data = d),
  strata = svydesign(~1, strata = ~country, weights = ~design_weight, data = d)
)

# The likelihood interval without R's spline: where the deviance of the intercept model,
# over the dispersion and the Rao-Scott correction, has risen to the square of t.
likelihood <- function(part, level) {
  # Started where it ends, so that every part of the fit belongs to the solution.
  start <- qlogis(coef(svymean(~y, part))[[1]])
  fit <- eval(bquote(svyglm(y ~ 1, part, family = quasibinomial, start = .(start))))
  y <- part$variables$y
  w <- weights(part) / mean(weights(part))
  deviance <- function(q) -2 * sum(w * (y * log(q) + (1 - y) * log1p(-q)))
  p <- plogis(coef(fit)[[1]])
  rise <- qt((1 - level) / 2, degf(part))^2 * summary(fit)$dispersion[1] *
    fit$cov.unscaled[1] / fit$naive.cov[1]
  excess <- function(x) deviance(plogis(x)) - deviance(p) - rise
  root <- function(...) plogis(uniroot(excess, c(...), tol = 1e-15, maxiter = 1000)$root)
  c(root(qlogis(p) - 12, qlogis(p)), root(qlogis(p), qlogis(p) + 12))
}

every <- function(part, level) {
  by_method <- function(method) {
    ci <- suppressWarnings(as.vector(confint(
      svyciprop(~y, part, method = method, level = level))))
    ci
  }
  c(lapply(c(t = "mean", logit = "xlogit", arcsine = "asin", beta = "beta",
             spline = "likelihood"), by_method),
    list(likelihood = likelihood(part, level), df = degf(part), n = nrow(part)))
}

parts <- function(design) {
  countries <- sort(unique(d$country))
  unlist(lapply(c("aware", "high"), function(variable) {
    design <- update(design, y = d[[variable]])
    setNames(lapply(c("", countries), function(g) {
      part <- subset(design, !is.na(y) & (g == "" | country == g))
      list(`0.95` = every(part, 0.95), `0.8` = every(part, 0.8))
    }), paste(variable, c("all", countries)))
  }), recursive = FALSE)
}

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")),
  cases = lapply(designs, parts)
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "intervals.json"))
