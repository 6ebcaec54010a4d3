# Regressions of tests/analysis/data/survey.csv by R survey, and of the World Values
# Survey 1995-97 (carData/WVS) as in Fox and Andersen (2006).
# Writes regression.json beside this script:
# Rscript tests/analysis/references/regression.R
suppressMessages({library(survey); library(MASS); library(nnet)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
answers <- c("strongly approve", "approve", "neither", "disapprove",
             "strongly disapprove")
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = TRUE)
d$urban <- as.numeric(d$urban == "True")
d$approval <- factor(d$approval, answers)
d$approves <- as.numeric(as.integer(d$approval) <= 2)
d$three <- factor(c("agree", "agree", "neither", "disagree", "disagree")[d$approval],
                  c("agree", "neither", "disagree"))

complex <- svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d)
# Shares of education within countries; each country keeps its sum of weights.
margin <- subset(read.csv(file.path(here, "..", "data", "population.csv")),
                 education != "", c("country", "education", "population"))
size <- function(x, country) ave(x, country, FUN = sum)
weight <- tapply(d$design_weight, d$country, sum)
margin$Freq <- margin$population / size(margin$population, margin$country) *
  weight[margin$country]
margin$population <- NULL

designs <- list(
  complex = complex,
  poststratified = postStratify(complex, ~country + education, margin),
  finite = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, fpc = ~n_psu,
                     data = d),
  strata = svydesign(~1, strata = ~country, weights = ~design_weight, data = d),
  simple = svydesign(~1, weights = ~1, data = d),
  jackknife = as.svrepdesign(complex, type = "JKn"))

# R stops when the deviance hardly changes; here it goes on to machine precision.
exactly <- glm.control(epsilon = 1e-15, maxit = 100)
models <- list(
  linear = list(trust ~ urban + country * gender, gaussian()),
  polynomial = list(trust ~ items + I(items^2) + age_group, gaussian()),
  logit = list(approves ~ trust + country + age_group, quasibinomial()),
  probit = list(approves ~ trust + country, quasibinomial("probit")),
  cloglog = list(aware ~ urban + country + gender, quasibinomial("cloglog")),
  poisson = list(items ~ urban + country * gender, quasipoisson()))
results <- function(fit) list(
  estimate = unname(coef(fit)), covariance = unname(vcov(fit)), df = fit$df.residual,
  conf = unname(confint(fit)), p_value = unname(summary(fit)$coefficients[, 4]))

regressions <- lapply(designs, function(design) lapply(models, function(model)
  suppressWarnings(results(do.call(svyglm, list(
    model[[1]], design, family = model[[2]], control = exactly))))))
of_some <- results(svyglm(trust ~ gender + age_group, subset(complex, urban == 1)))

# Influence values given, covariance of their totals.
of_totals <- function(z, design) unname(vcov(svytotal(z, design)))
expand <- function(z, rows, n) {
  full <- matrix(0, n, ncol(z))
  full[rows, ] <- z
  full
}

# Newton's steps to the end, from the gradients of each row (weights included).
climb <- function(b, gradients, hessian) {
  for (i in 1:4) b <- b + solve(hessian(b), colSums(gradients(b)))
  b
}

# Proportional odds: MASS::polr starts, Newton finishes; the Hessian from differences of
# the analytic gradient; covariance of the totals of the influence values.
ordinal <- function(formula, design, link) {
  data <- model.frame(design)
  frame <- model.frame(formula, data, na.action = na.omit)
  rows <- match(rownames(frame), rownames(data))
  x <- model.matrix(formula, frame)[, -1, drop = FALSE]
  y <- as.integer(model.response(frame))
  w <- weights(design, "sampling")[rows]
  used <- cbind(data[rows, ], w = w / mean(w))
  start <- suppressWarnings(polr(formula, used, weights = w,
                                 method = sub("logit", "logistic", link)))
  p <- ncol(x); q <- max(y) - 1
  cdf <- switch(link, logit = plogis, probit = pnorm,
                cloglog = function(z) -expm1(-exp(z)))
  pdf <- switch(link, logit = dlogis, probit = dnorm, cloglog = function(z) exp(z - exp(z)))
  gradients <- function(b) {
    eta <- x %*% b[1:p]
    bounds <- c(-Inf, b[p + 1:q], Inf)
    upper <- bounds[y + 1] - eta; lower <- bounds[y] - eta
    share <- cdf(upper) - cdf(lower)
    up <- ifelse(is.finite(upper), pdf(upper), 0) / share
    low <- ifelse(is.finite(lower), pdf(lower), 0) / share
    w * cbind(-x * as.vector(up - low),
              sapply(1:q, function(k) (y == k) * up - (y == k + 1) * low))
  }
  hessian <- function(b) {
    h <- 1e-5
    -sapply(seq_along(b), function(j) {
      step <- replace(0 * b, j, h)
      (colSums(gradients(b - 2 * step)) - 8 * colSums(gradients(b - step)) +
         8 * colSums(gradients(b + step)) - colSums(gradients(b + 2 * step))) / (12 * h)
    })
  }
  b <- climb(c(coef(start), start$zeta), gradients, hessian)
  influence <- gradients(b) %*% solve(hessian(b)) / w
  list(estimate = unname(b),
       covariance = of_totals(expand(influence, rows, nrow(data)), design))
}

ordinals <- lapply(designs[c("complex", "strata")], function(design)
  lapply(c(logit = "logit", probit = "probit", cloglog = "cloglog"), function(link)
    ordinal(approval ~ urban + country + gender, design, link)))
# survey's own, which stops early: its cloglog is MASS's loglog, so only two links.
svyolrs <- lapply(c(logit = "logistic", probit = "probit"), function(method) {
  fit <- svyolr(approval ~ urban + country + gender, complex, method = method,
                control = list(reltol = 1e-15, maxit = 1000, ndeps = rep(1e-4, 9)))
  list(estimate = unname(coef(fit)), std_error = unname(SE(fit)), df = fit$df.residual)
})

# Multinomial logit: nnet::multinom starts, Newton finishes.
multinomial <- function(formula, design) {
  data <- model.frame(design)
  frame <- model.frame(formula, data, na.action = na.omit)
  rows <- match(rownames(frame), rownames(data))
  x <- model.matrix(formula, frame)
  y <- model.response(frame)
  w <- weights(design, "sampling")[rows]
  used <- cbind(data[rows, ], w = w / mean(w))
  start <- multinom(formula, used, weights = w, trace = FALSE, maxit = 1000,
                    reltol = 1e-14)
  p <- ncol(x); k <- nlevels(y) - 1
  shares <- function(b) {
    e <- exp(x %*% matrix(b, p))
    e / (1 + rowSums(e))
  }
  gradients <- function(b) {
    s <- shares(b)
    do.call(cbind, lapply(1:k, function(j)
      w * ((as.integer(y) == j + 1) - s[, j]) * x))
  }
  hessian <- function(b) {
    s <- shares(b)
    do.call(rbind, lapply(1:k, function(i) do.call(cbind, lapply(1:k, function(j)
      t(x) %*% (x * (w * s[, i] * ((i == j) - s[, j])))))))
  }
  b <- climb(as.vector(t(coef(start))), gradients, hessian)
  influence <- gradients(b) %*% solve(hessian(b)) / w
  list(estimate = unname(b), nnet = as.vector(t(coef(start))),
       covariance = of_totals(expand(influence, rows, nrow(data)), design))
}
multinomials <- lapply(designs[c("complex", "strata")], function(design)
  multinomial(three ~ urban + country + gender, design))

# The model of Fox and Andersen (2006), doi:10.1111/j.1467-9531.2006.00180.x.
wvs <- svydesign(~1, strata = ~country, weights = ~1, data = carData::WVS)
world <- ordinal(poverty ~ gender + religion + degree + country * poly(age, 3),
                 wvs, "logit")
plain <- polr(poverty ~ gender + religion + degree + country * poly(age, 3), carData::WVS,
              Hess = TRUE)

# Tests of terms. Respondents who lack trust are left out of both models.
full <- subset(complex, !is.na(trust) & !is.na(approves))
logit <- svyglm(approves ~ trust + country + age_group, full, family = quasibinomial(),
                control = exactly)
gaussian_fit <- svyglm(trust ~ urban + country * gender, full)
term_test <- function(fit, terms) {
  wald <- regTermTest(fit, terms)
  lrt <- regTermTest(fit, terms, method = "LRT")
  list(wald = c(wald$Ftest, wald$df, wald$ddf, wald$p),
       lrt = c(lrt$chisq / mean(lrt$lambda), lrt$df, lrt$ddf, lrt$p),
       scale = lrt$lambda / mean(lrt$lambda))
}
terms <- list(
  country = term_test(logit, ~country), age_group = term_test(logit, ~age_group),
  trust = term_test(logit, ~trust),
  interaction = term_test(gaussian_fit, ~country:gender))

# Proportional odds: a logit at each threshold, their slopes compared by Wald's test.
rated <- subset(complex, !is.na(approval))
rating <- as.integer(model.frame(rated)$approval)
thresholds <- lapply(1:4, function(k) {
  rated <- update(rated, above = as.numeric(rating > k))
  fit <- svyglm(above ~ urban + gender, rated, family = quasibinomial(),
                control = exactly)
  x <- model.matrix(fit); mu <- fitted(fit)
  information <- t(x) %*% (x * as.vector(weights(rated) * mu * (1 - mu)))
  list(slopes = coef(fit)[-1],
       influence = ((x * as.vector(rating > k) - x * mu) %*% solve(information))[, -1])
})
slopes <- unlist(lapply(thresholds, `[[`, "slopes"))
joint <- of_totals(do.call(cbind, lapply(thresholds, `[[`, "influence")), rated)
apart <- cbind(-1, diag(3)) %x% diag(2)
squared <- t(apart %*% slopes) %*% solve(apart %*% joint %*% t(apart), apart %*% slopes)
odds_df <- degf(rated) - 2
odds <- c(squared / 6, 6, odds_df, pf(squared / 6, 6, odds_df, lower.tail = FALSE))

# Predictive margins. survey adds the variance for given covariates and that for given
# coefficients; their covariance is the total of the products of influence values.
answered <- subset(complex, !is.na(trust) & !is.na(approves))
base <- svyglm(approves ~ trust + age_group, answered, family = quasibinomial(),
               control = exactly)
margins <- svypredmeans(base, ~country)
sorted <- match(levels(d$country), names(coef(margins)))
parts <- lapply(attr(vcov(margins), "parts"), function(v) v[sorted, sorted])
m <- svyglm(approves ~ trust + age_group + country, answered, family = quasibinomial(),
            control = exactly)
w <- weights(answered); x <- model.matrix(m); data <- model.frame(answered)
mu <- sapply(levels(d$country), function(g)
  predict(m, transform(data, country = factor(g, levels(d$country))), type = "response",
          se.fit = FALSE))
average <- colSums(w * mu) / sum(w)
slopes <- sapply(levels(d$country), function(g) {
  xg <- model.matrix(~ trust + age_group + country,
                     transform(data, country = factor(g, levels(d$country))))
  eta <- xg %*% coef(m)
  colSums(as.vector(w * dlogis(eta)) * xg) / sum(w)
})
scores <- x * as.vector(data$approves - fitted(m))
information <- t(x) %*% (x * as.vector(w * fitted(m) * (1 - fitted(m))))
influence <- scores %*% solve(information) %*% slopes + sweep(mu, 2, average) / sum(w)
predictive <- list(
  estimate = unname(coef(margins))[sorted], fixed = unname(parts[[1]]), sampled =
    of_totals(influence, answered), r = sqrt(diag(unname(parts[[1]] + parts[[2]]))))
# Average marginal effect of trust and of age 55+ against 18-34, by country.
effects <- lapply(list(trust = "trust", age = "age_group55+"), function(name) {
  beta <- coef(m)
  eta <- as.vector(x %*% beta)
  if (name == "trust") {
    each <- dlogis(eta) * beta["trust"]
    slope <- x * (dlogis(eta) * (1 - 2 * plogis(eta)) * beta["trust"])
    slope[, "trust"] <- slope[, "trust"] + dlogis(eta)
  } else {
    at <- function(level) {
      y <- x; y[, c("age_group35-54", "age_group55+")] <- 0
      if (level) y[, name] <- 1
      y
    }
    high <- at(TRUE); low <- at(FALSE)
    each <- plogis(as.vector(high %*% beta)) - plogis(as.vector(low %*% beta))
    slope <- high * dlogis(as.vector(high %*% beta)) -
      low * dlogis(as.vector(low %*% beta))
  }
  g <- sapply(levels(d$country), function(c) w * (data$country == c))
  average <- colSums(g * each) / colSums(g)
  mapping <- t(slope) %*% g %*% diag(1 / colSums(g))
  own <- (outer(each, average, "-") * g / w) %*% diag(1 / colSums(g))
  list(estimate = unname(average),
       covariance = of_totals(scores %*% solve(information) %*% mapping + own, answered))
})
new <- data.frame(trust = c(2, 8), age_group = "55+", country = c("CN", "DE"))
predicted <- predict(m, new, type = "response", vcov = TRUE)
predictions <- list(estimate = as.vector(predicted), covariance = unname(vcov(predicted)))

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey"), "nnet",
                    packageVersion("nnet"), "MASS", packageVersion("MASS")),
  regressions = regressions, of_some = of_some, ordinals = ordinals, svyolr = svyolrs,
  multinomials = multinomials, world = world,
  fox = list(estimate = unname(coef(plain))[1:3],
             std_error = unname(sqrt(diag(vcov(plain))))[1:3]),
  terms = terms, odds = odds, predictive = predictive, effects = effects, predictions = predictions
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "regression.json"))
